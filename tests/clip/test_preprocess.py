"""Pictures of every mode, and files that are none."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from saved_pictures import saved
from small_clip import small_config

from playground.clip.preprocess import pixels, preprocess
from playground.pictures import FORMATS, read_image, to_rgb

RED, WHITE = (255, 0, 0), (255, 255, 255)


def noise(height=6, width=9, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK", "YCbCr", "HSV", "LAB"])
def test_opaque_modes_are_pillows(mode):
    picture = Image.fromarray(noise()).convert(mode)
    assert np.array_equal(to_rgb(picture), picture.convert("RGB"))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa"])
def test_what_is_transparent_stands_on_white(mode):
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    picture.putpixel((0, 0), (0, 0, 0, 255))
    via = {"RGBA": picture, "LA": picture.convert("LA"), "PA": picture.convert("P").convert("PA")}
    via |= {"RGBa": picture.convert("RGBa")}
    if mode == "PA":
        via["PA"].putalpha(picture.getchannel("A"))
    rgb = to_rgb(via[mode])
    assert rgb.mode == "RGB"
    assert rgb.getpixel((0, 0)) == (0, 0, 0)
    assert rgb.getpixel((1, 0)) == WHITE
    half = Image.new("RGBA", (1, 1), (255, 0, 0, 51))  # a fifth red
    assert to_rgb(half).getpixel((0, 0)) == (255, 204, 204)


def test_a_transparent_palette():
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    for kind in ("PNG", "GIF"):
        rgb = read_image(saved(picture, kind, transparency=1))
        assert [rgb.getpixel((0, 0)), rgb.getpixel((1, 0))] == [RED, WHITE]


def test_sixteen_bits():
    values = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    for kind in ("PNG", "TIFF", "PPM"):
        rgb = read_image(saved(Image.fromarray(values), kind))
        assert np.asarray(rgb)[0, :, 0].tolist() == [0, 0, 1, 128, 255], kind
    big = Image.frombytes("I;16B", (5, 1), values.astype(">u2").tobytes())
    assert np.asarray(to_rgb(big))[0, :, 1].tolist() == [0, 0, 1, 128, 255]
    with pytest.raises(ValueError, match="holds real numbers"):
        read_image(saved(Image.fromarray(np.zeros((2, 2), np.float32)), "TIFF"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_a_picture_upright(orientation):
    """Each way a camera may be held, undone; the corners tell."""
    upright = np.zeros((2, 3), np.uint8)
    upright[0, 0], upright[0, 2] = 255, 128
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    for rgb in (read_image(content), to_rgb(Image.open(io.BytesIO(content)))):
        assert np.array_equal(np.asarray(rgb)[:, :, 0], upright)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    rgb = read_image(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert rgb.getpixel((1, 1)) == RED


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format(kind, tmp_path):
    if kind == "AVIF":
        pytest.importorskip("PIL._avif")
    file = tmp_path / "picture.of.no.kind"
    file.write_bytes(saved(Image.new("RGB", (16, 16), (200, 100, 50)), kind))
    assert np.abs(np.asarray(read_image(file)).astype(int) - (200, 100, 50)).max() <= 3
    assert read_image(file.read_bytes()).size == (16, 16)


def claims(width, height):
    """A PNG of a few bytes that says it is huge."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the picture is empty"),
        (b"a text that somebody renamed", "is no picture of a format that is read here: AVIF, BMP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no picture of a format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no picture of a format"),
        (claims(100_000, 100_000), "has too many pixels; at most 89,478,485 are read"),
        (claims(10_000, 10_000), "has 10000 x 10000 pixels; at most 89,478,485 are read"),
        (claims(9, 9), "is damaged, or not all of it is here"),
        (saved(Image.fromarray(noise(90, 90)))[:-9000], "is damaged, or not all of it is here"),
        (saved(Image.fromarray(noise(90, 90)), "JPEG")[:-900], "is damaged, or not all of it is here"),
        (saved(Image.fromarray(noise(90, 90)), "GIF")[:900], "is damaged, or not all of it is here"),
        (saved(Image.fromarray(noise(90, 90)), "WEBP")[:900], "is damaged|no picture"),
    ],
)
def test_what_is_no_picture_is_refused(content, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        read_image(content)
    path = tmp_path / "renamed.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"renamed\.png"):
        read_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_no_random_bytes_get_through():
    """Damage anywhere in a file either does not matter or is a ValueError, never another exception."""
    draw = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "ICO", "PPM", "TGA", "JPEG2000"):
        whole = np.frombuffer(saved(Image.fromarray(noise(20, 20)), kind), np.uint8)
        for _ in range(30):
            hurt = whole.copy()
            hurt[draw.integers(0, min(len(hurt), 200), 8)] = draw.integers(0, 256, 8)
            with contextlib.suppress(ValueError):
                assert read_image(hurt.tobytes()).mode == "RGB"


def test_a_line_of_pixels_does_not_fill_the_memory():
    line = Image.new("RGB", (200_000, 1))
    with pytest.raises(ValueError, match="a picture of 200000 x 1 pixels is too long to crop its centre"):
        pixels(line, small_config())
    assert pixels(line, small_config(resize="squash")).shape == (3, 32, 32)


def test_a_missing_file():
    with pytest.raises(FileNotFoundError):
        read_image("no/such/picture.png")


def test_pixels_of_other_modes_are_those_of_their_rgb():
    config = small_config()
    layer = Image.fromarray(noise(50, 70, 4))
    assert np.array_equal(pixels(layer, config), pixels(to_rgb(layer), config))
    palette = Image.fromarray(noise(50, 70)).quantize(16)
    assert np.array_equal(pixels(palette, config), pixels(palette.convert("RGB"), config))
    assert pixels(layer, config).flags["C_CONTIGUOUS"]
    together = preprocess([layer, palette], config)
    assert np.array_equal(together[1], pixels(palette, config))
    assert preprocess([], config).shape == (0, 3, 32, 32)
