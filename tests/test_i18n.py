"""Both languages say the same things, and every text the code asks for is there."""

import re
from pathlib import Path
from string import Formatter

import pytest

from playground import flows
from playground.i18n import TEXTS, label, say

CODE = Path(__file__).parents[1] / "playground"


def test_same_texts_in_both():
    assert TEXTS["en"].keys() == TEXTS["zh-CN"].keys()
    for key, text in TEXTS["en"].items():
        assert text.strip(), key
        assert TEXTS["zh-CN"][key].strip(), key


def test_same_values_in_both():
    for key in TEXTS["en"]:
        if not key.startswith("about."):  # these are LaTeX, full of braces, and never filled in
            names = [
                {name for _, name, _, _ in Formatter().parse(TEXTS[tongue][key]) if name} for tongue in ("en", "zh-CN")
            ]
            assert names[0] == names[1], key


def test_chinese_is_chinese():
    same = {key for key in TEXTS["en"] if TEXTS["en"][key] == TEXTS["zh-CN"][key]}
    for key in same:  # names of methods and symbols only
        assert not re.search(r"[a-z]{3,} [a-z]{3,}", TEXTS["en"][key]), key


def test_every_text_asked_for_exists():
    asked = set()
    for path in CODE.rglob("*.py"):
        asked |= set(
            re.findall(
                r"""(?:label|say)\((?:tongue|language|[\w.]+\(request\))?,?\s*"([\w.]+)\"""",
                path.read_text(encoding="utf-8"),
            )
        )
    assert len(asked) > 60
    assert asked <= TEXTS["en"].keys()


@pytest.mark.parametrize("prefix", ["flows.name", "density"])
def test_every_flow_and_density_has_a_name(prefix):
    names = flows.FLOWS if prefix == "flows.name" else [*flows.DENSITIES, "drawing", "picture", "points"]
    for name in names:
        assert f"{prefix}.{name}" in TEXTS["en"]


def test_no_text_is_idle():
    code = "".join(path.read_text(encoding="utf-8") for path in CODE.rglob("*.py"))
    families = (
        "flows.name.",
        "density.",
        "stage.",
        "models.state.",
        "models.event.",
        "flows.film.",
        "flows.microscope.",
        "flows.download.",
        "tab.",
        "memory.",
        "about.",
        "flows.stat.",
        "flows.race.",
        "models.",
        "flows.stage.",
    )
    idle = [key for key in TEXTS["en"] if key not in code and not key.startswith(families)]
    assert not idle


def test_say_and_label():
    assert say("zh-CN", "flows.unit.nats", value="1.5") == "1.5 奈特"
    with pytest.raises(KeyError, match="no such text"):
        label("no such text")
