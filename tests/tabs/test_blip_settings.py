"""What settings of the BLIP tab come to: a model's limits, a rule."""

from playground import blip
from playground.tabs.blip.settings import Settings


def test_lengths_of_a_model_fill_in_what_is_not_set():
    own = blip.Limits(20, 5)
    assert Settings().limits(own) == own
    assert Settings(max_length=3).limits(own) == blip.Limits(3, 3)
    assert Settings(min_length=30).limits(own) == blip.Limits(30, 30)
    assert Settings(min_length=7, max_length=9, penalty=1.2).limits(own) == blip.Limits(9, 7, 1.2)


def test_rules():
    assert Settings(threshold=0.3).kept_by == blip.Rule(threshold=0.3)
    assert Settings(rule="cosine", scorer="clip-world", cosine=0.2).kept_by == blip.Rule("clip", threshold=0.2)
    share = Settings(rule="share", scorer="clip-world", share=0.2, basic=True)
    assert share.kept_by == blip.Rule("clip", top_share=0.2, basic=True)
