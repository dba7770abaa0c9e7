"""Paintings as text for a link: what stays exact, how long it is, and what is refused."""

import base64
import zlib

import numpy as np
import pytest

from playground.tabs.components.paint_pad import PALETTE, bare
from playground.tabs.drawings import pack_paint, unpack_paint


def painting(*discs):
    """Discs (colour, row, column, radius) over the ground, edges mixed as the pad mixes them, in units of a cell."""
    y, x = (np.mgrid[0:512, 0:512] + 0.5) / 8
    fine = np.repeat(np.repeat(bare(), 8, 0), 8, 1).astype(float)
    for colour, row, column, radius in discs:
        fine[(y - row) ** 2 + (x - column) ** 2 < radius**2] = list(bytes.fromhex(PALETTE[colour][1:]))
    return np.rint(fine.reshape(64, 8, 64, 8, 3).mean((1, 3))).astype(np.uint8)


SIMPLE = painting(("red", 20, 20, 9), ("blue", 40, 44, 12), ("green", 48, 14, 7), ("yellow", 14, 50, 6))


def text(data):
    return base64.urlsafe_b64encode(zlib.compress(bytes(data), 9)).decode()


def test_ground_and_colours_stay_exact_and_edges_close():
    back = unpack_paint(pack_paint(SIMPLE))
    assert back.dtype == np.uint8
    np.testing.assert_allclose(back.astype(int), SIMPLE.astype(int), atol=8)  # half of 255 / 15
    plain = (bare() == SIMPLE).all(axis=2)
    for name in ("red", "blue", "green", "yellow"):
        plain |= (list(bytes.fromhex(PALETTE[name][1:])) == SIMPLE).all(axis=2)
    assert plain.mean() > 0.9
    np.testing.assert_array_equal(back[plain], SIMPLE[plain])
    assert pack_paint(back) == pack_paint(SIMPLE), "a link made from a link is the same"


def test_a_simple_drawing_is_short():
    assert len(pack_paint(painting(("red", 32, 32, 14)))) < 500
    assert len(pack_paint(SIMPLE)) < 1500


def test_any_picture_passes():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_allclose(unpack_paint(pack_paint(noise)).astype(int), noise.astype(int), atol=8)
    flat = np.full((64, 64, 3), 7, np.uint8)
    np.testing.assert_array_equal(unpack_paint(pack_paint(flat)), flat)


def test_nothing_painted_is_an_empty_text():
    assert pack_paint(None) == pack_paint(bare()) == ""
    assert unpack_paint("") is None


def test_another_ground():
    packed = pack_paint(SIMPLE, ground="#ffffff")
    np.testing.assert_allclose(unpack_paint(packed, ground="#ffffff").astype(int), SIMPLE.astype(int), atol=8)
    assert (unpack_paint(pack_paint(SIMPLE), ground="#ffffff")[0] == 255).all(), "the ground is not in the text"


@pytest.mark.parametrize("wrong", [SIMPLE[:63], SIMPLE[..., 0], SIMPLE / 255])
def test_what_is_no_painting_is_refused(wrong):
    with pytest.raises(ValueError, match=r"64, 64, 3"):
        pack_paint(wrong)


EMPTY = bytes(4096)
DAMAGED = {
    "cut": pack_paint(SIMPLE)[:-8],
    "half": pack_paint(SIMPLE)[:400],
    "no base64": "a",
    "not ascii": "é" + pack_paint(SIMPLE)[1:],
    "no zlib": base64.urlsafe_b64encode(bytes(100)).decode(),
    "changed": pack_paint(SIMPLE)[:300] + "AAAA" + pack_paint(SIMPLE)[304:],
    "nothing": text(b""),
    "short": text(b"\0" + EMPTY[1:]),
    "long": text(b"\0" + EMPTY + b"\0"),
    "sixteen colours": text(b"\x10" + bytes(48) + EMPTY),
    "a colour too many": text(b"\1" + bytes(3) + b"\2" + EMPTY[1:]),
    "a mixture without its levels": text(b"\0\xff" + EMPTY[1:]),
    "levels above 15": text(b"\0\xff" + EMPTY[1:] + b"\1\2\x10"),
    "a bomb": text(bytes(50_000_000)),
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_text_is_refused(damaged):
    with pytest.raises(ValueError, match="the drawing in the link is damaged"):
        unpack_paint(damaged)


def test_smallest_mixture_is_read():
    back = unpack_paint(text(b"\0\xff" + EMPTY[1:] + b"\1\2\x0f"))
    np.testing.assert_array_equal(back[0, 0], [17, 34, 255])
    np.testing.assert_array_equal(back[1:], bare()[1:])
