"""Token ids against open_clip's tokenizer, cleaning included, on ten thousand generated strings."""

import json
import random

import pytest
import torch

from playground.clip.tokenizer import default_tokenizer, read_tokenizer, tokenize

WORDS = (
    "a photo of the red ball on left's it's DON'T we'll you've I'M he'd they're cat dog 3 42 1999 "
    "$5.00 C++ hello_world naïve café Straße ÅNGSTRÖM İstanbul ǅ ﬁ ﬀ ſ 'ſ K '\u212a ｆｕｌｌ ½ ² ③ ٣ "
    "४ 一只红色的猫 在桌子上 日本語 カタカナ 한국어 русский Ελληνικά ΣΊΣΥΦΟΣ العربية עברית हिन्दी "
    "ไทย 😀 👩‍👩‍👧 🏳️‍🌈 🇩🇪 &amp; &amp;lt; &lt;b&gt; &#39; &nbsp; &eacute; &amp;amp;amp; â€™ Ã© "
    "schÃ¶n ... !!! --- «» “quoted” ‘x’ ´ ` <start_of_text> <end_of_text> <|endoftext|> "
    "<START_OF_TEXT> !<end_of_text> e\u0301 e&#769; \u00a0 \u200b \u2028 \t \n \r \x00 \x1b[31m "
    "\ufeff \ud7ff \u3000 \U00010348 \U000e0001 {} a.b.c x²+y² supercalifragilisticexpialidocious "
    "#tag @name http://a.b/c?d=e"
)


def strings(n):
    """Words, single characters of every plane, joined with and without spaces; empty and over-long ones too."""
    draw, words = random.Random(0), WORDS.split(" ")
    found = [
        "",
        " ",
        "\n\t",
        "a" * 1000,
        "word " * 200,
        "一" * 300,
        "😀" * 100,
        "!<start_of_text>!",
        "<end_of_text>" * 3,
    ]
    while len(found) < n:
        parts = draw.choices(words, k=draw.choice((1, 2, 4, 8, 12)))
        for _ in range(draw.choice((0, 0, 1, 4))):
            block = draw.choice(((32, 127), (160, 0x250), (0x250, 0x3000), (0x3000, 0xD7FF), (0xE000, 0x1FFFF)))
            parts.insert(draw.randrange(len(parts) + 1), chr(draw.randrange(*block)))
        found.append(draw.choice((" ", " ", "", "  ", "-")).join(parts))
    return found


@pytest.fixture(scope="module")
def peer():
    import open_clip

    return open_clip.tokenizer.SimpleTokenizer()


def test_the_same_ids_as_open_clip(peer):
    texts = strings(10_000)
    expected, ours = peer(texts), tokenize(texts)
    assert ours.dtype == expected.dtype == torch.long
    wrong = [text for text, one, other in zip(texts, ours, expected, strict=True) if not torch.equal(one, other)]
    assert not wrong, wrong[:5]
    assert len({tuple(row) for row in ours.tolist()}) > 8_000


@pytest.mark.parametrize("length", [2, 3, 8, 32, 100])
def test_other_lengths_are_cut_alike(peer, length):
    texts = strings(60)
    assert torch.equal(tokenize(texts, length), peer(texts, context_length=length))


def test_transformers_own_file(tmp_path, peer):
    """The same words in the tokenizer.json that transformers writes, with its names for start and end."""
    from transformers import CLIPTokenizer

    vocabulary = default_tokenizer().backend.get_vocab()
    vocabulary["<|startoftext|>"] = vocabulary.pop("<start_of_text>")
    vocabulary["<|endoftext|>"] = vocabulary.pop("<end_of_text>")
    merges = json.loads(default_tokenizer().backend.to_str())["model"]["merges"]
    CLIPTokenizer(vocab=vocabulary, merges=[tuple(merge) for merge in merges]).save_pretrained(tmp_path)
    ours = read_tokenizer(tmp_path / "tokenizer.json")
    texts = [t for t in strings(2_000) if "of_text>" not in t.lower() and "endoftext" not in t]  # other marks
    assert len(texts) > 500
    wrong = [t for t, one, other in zip(texts, ours(texts), peer(texts), strict=True) if not torch.equal(one, other)]
    assert not wrong, wrong[:5]
