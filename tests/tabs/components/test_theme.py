"""The page's fonts: every letter the app says, in both weights, under a name of its own."""

import pytest
from fontTools.ttLib import TTFont

from playground.i18n import TEXTS
from playground.tabs.components.theme import FONTS, WEIGHTS, launch_options

CHINESE = 0x2E80  # from here on the system's fonts draw


@pytest.mark.parametrize("weight", WEIGHTS.values())
def test_fonts_have_every_letter_of_our_texts(weight):
    font = TTFont(FONTS / f"PlaygroundSans-{weight}.woff2")
    said = {ord(letter) for texts in TEXTS.values() for text in texts.values() for letter in text if letter != "\n"}
    missing = {chr(code) for code in said if code < CHINESE} - {chr(code) for code in font.getBestCmap()}
    assert not missing
    assert "Source" not in "".join(str(font["name"].getDebugName(i)) for i in (1, 4, 6, 16)), "a reserved name"


def test_theme_asks_for_no_other_font():
    look = launch_options()["theme"]
    sheet = look._stylesheets, look._font_css
    assert "static/fonts" not in str(sheet)
    assert str(sheet).count("@font-face") == len(WEIGHTS)
