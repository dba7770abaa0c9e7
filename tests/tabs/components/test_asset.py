"""The joints between Python and our scripts: plain JSON out, constants in, one style sheet."""

import json
import math

import numpy as np
import pytest

from playground.tabs.components.asset import plain, script


def test_plain_is_json_and_equal():
    value = {"a": np.float32(0.5), "b": [np.int64(3), (True, None)], "c": "x", "d": {"e": np.bool_(True)}}
    assert json.loads(json.dumps(plain(value))) == {"a": 0.5, "b": [3, [True, None]], "c": "x", "d": {"e": True}}


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [0.0, math.nan]}, r"value\['a'\]\[1\] is nan"),
        ({"b": np.float32("inf")}, r"value\['b'\] is inf"),
        ([np.zeros(2)], r"value\[0\] is a ndarray"),
    ],
)
def test_plain_names_what_no_script_draws(value, where):
    with pytest.raises(ValueError, match=where):
        plain(value)


def test_constants_are_quoted():
    text = script("palette.js", css="tiles.css", WORDS={"a": '"; alert(1); "'})
    assert 'const WORDS = {"a": "\\"; alert(1); \\""};' in text
    assert text.index("const CSS =") < text.index("const make =") < text.index("const LUT =")
