"""Precision and recall of a cleaned set against what is true."""

import numpy as np
from numpy.testing import assert_allclose

from playground import blip

TRUTH = blip.Truth({"a": True, "b": False, "c": True, "unread": True}, {"a": "one", "b": "two", "c": "three"})
SCORED = [
    blip.Scored("a", "web", "x", 0.9), blip.Scored("a", "written", "one", 0.95),
    blip.Scored("b", "web", "x", 0.7), blip.Scored("b", "written", "wrong", 0.6),
    blip.Scored("c", "web", "x", 0.2), blip.Scored("c", "written", "three", 0.3),
    blip.Scored("unknown", "web", "x", 0.99), blip.Scored("unknown", "written", "y", 0.99),
    blip.Scored("unread", "web", "x", error="damaged"),
]  # fmt: skip


def test_a_grade_counts_what_is_known():
    found = blip.grade(blip.decide_all(lambda: SCORED, blip.Rule(threshold=0.5)), TRUTH)
    assert found == blip.Grade(precision=1 / 2, recall=1 / 2, before=2 / 3, after=1 / 2)
    nothing = blip.grade([], TRUTH)
    assert nothing == blip.Grade(None, None, None, None)


def test_curves_are_the_grade_at_every_threshold():
    found = blip.curves(SCORED, TRUTH)
    for i in (0, 25, 50, 65, 80):
        one = blip.grade(blip.decide_all(lambda: SCORED, blip.Rule(threshold=float(found.thresholds[i]))), TRUTH)
        assert_allclose([found.precision[i], found.recall[i], found.right[i]], [one.precision, one.recall, one.after])
    assert np.isnan(found.precision[-1])  # where nothing is kept
    assert found.recall[-1] == 0
