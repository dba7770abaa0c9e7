"""Pictures and drawings as densities: which way up, how dark, how large, and what is refused."""

import math
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from saved_pictures import saved

from playground.flows.pictures import (
    MAX_IMAGE_PIXELS,
    density_from_drawing,
    density_from_image,
    read_image,
)


def grey(rows):
    """A picture of greys in [0, 1], 1 white."""
    return np.array(rows, dtype=np.float64)


def sample(d):
    return d.sample(20_000, torch.Generator().manual_seed(0))


def header(width, height):
    """A PNG that announces a size and holds nothing."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def half_dark():
    """40 wide, 20 high: black above, white below."""
    return np.repeat(np.array([0, 255], dtype=np.uint8), 10)[:, None].repeat(40, axis=1)


def test_dark_at_the_top_gives_samples_above_the_axis():
    assert (sample(density_from_image(half_dark()))[:, 1] > 0).all()
    left = sample(density_from_image(half_dark().T.copy()))
    assert (left[:, 0] < 0).all()
    assert left[:, 1].min() < -2.5
    assert left[:, 1].max() > 2.5


def test_light_at_the_top_of_a_drawing_gives_samples_above_the_axis():
    assert (sample(density_from_drawing(1 - half_dark() / 255.0))[:, 1] > 0).all()


def test_the_longer_side_covers_the_box_and_the_aspect_is_kept():
    s = sample(density_from_image(np.zeros((10, 40), dtype=np.uint8)))
    torch.testing.assert_close(s.abs().amax(0), torch.tensor([2.6, 0.65]), atol=0.01, rtol=0)
    thin = sample(density_from_image(np.zeros((2, 1000), dtype=np.uint8), size=32))  # the aspect survives reduction
    torch.testing.assert_close(thin.abs().amax(0), torch.tensor([2.6, 0.0052]), atol=0.01, rtol=0)


def test_density_and_entropy_by_hand():
    d = density_from_image(grey([[0.0, 0.5], [1.0, 0.5]]))  # ink 1, 1/2, 0, 1/2 on pixels of area 2.6^2
    x = torch.tensor([[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]], dtype=torch.float64)
    expected = torch.tensor([0.5, 0.25, 0.0, 0.25], dtype=torch.float64) / 2.6**2
    torch.testing.assert_close(d.log_prob(x), expected.log(), atol=1e-6, rtol=0)
    assert math.isclose(d.entropy, 1.5 * math.log(2) + math.log(2.6**2), abs_tol=1e-6)
    assert (d.name, density_from_drawing(np.ones((3, 3))).name) == ("picture", "drawing")


def test_reduction_averages_the_ink():
    picture = np.full((256, 256), 255, dtype=np.uint8)
    picture[:128:2, :128] = 0  # every other line of one quarter: grey after reduction
    picture[128:, 128:] = 0
    d = density_from_image(picture, size=64)
    assert d.shape == (64, 64)
    p = d.log_prob(torch.tensor([[-1.3, 1.3], [1.3, -1.3], [1.3, 1.3]], dtype=torch.float64)).exp()
    torch.testing.assert_close(p, torch.tensor([1 / 3, 2 / 3, 0.0], dtype=torch.float64) / 2.6**2, atol=1e-6, rtol=0)
    assert density_from_image(picture[:100, :60], size=128).shape == (100, 60)  # never enlarged


def test_drawing_counts_faint_strokes_that_a_picture_takes_for_paper():
    faint = np.full((8, 8), 0.01)
    faint[0, :4] = 1.0
    assert density_from_drawing(faint).log_prob(torch.tensor([[0.0, -2.0]])).isfinite().all()
    assert density_from_image(1 - faint).log_prob(torch.tensor([[0.0, -2.0]])).isneginf().all()


def modes():
    """Pillow images of every mode, dark in the upper half only, the rest white or transparent."""
    base = Image.fromarray(half_dark())
    clear = Image.merge("LA", (Image.new("L", base.size, 0), base.point(lambda v: 255 - v)))  # black, transparent below
    deep = Image.fromarray(half_dark().astype(np.uint16) * 257)
    palette = base.convert("RGB").quantize(2)
    seen = palette.copy()
    seen.putpalette([0, 0, 0, 0, 0, 0])  # both entries black
    seen.info["transparency"] = palette.getpixel((0, 19))
    return {
        **{mode: base.convert(mode) for mode in ("1", "L", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I", "F")},
        "LA": clear,
        "RGBA transparent": clear.convert("RGBA"),
        "I;16": deep,
        "I": deep.convert("I"),
        "F": Image.fromarray(half_dark().astype(np.float32) / 255),
        "P": palette,
        "P transparent": seen,
    }


@pytest.mark.parametrize("mode", modes())
def test_every_mode_of_a_picture(mode):
    d = density_from_image(modes()[mode])
    assert math.isclose(d.entropy, math.log(5.2 * 1.3), abs_tol=1e-6)  # the upper half, evenly
    assert (sample(d)[:, 1] > 0).all()


def test_arrays_of_colours_and_alpha():
    rgb = np.zeros((4, 4, 3), dtype=np.uint8)
    rgb[:, :2] = [255, 0, 0]
    rgb[:, 2:] = [0, 0, 255]
    p = density_from_image(rgb).log_prob(torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)).exp()
    assert math.isclose(p[0] / p[1], (1 - 0.299) / (1 - 0.114), rel_tol=1e-6)
    rgba = np.zeros((4, 4, 4))
    rgba[:, :2, 3] = 0.25
    rgba[:, 2:, 3] = 0.75
    p = density_from_image(rgba).log_prob(torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)).exp()
    assert math.isclose(p[1] / p[0], 3, rel_tol=1e-6)


def test_camera_rotation_is_applied():
    image = Image.fromarray(half_dark().T.copy()).convert("RGB")  # stored dark at the left
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise: dark at the top
    array = read_image(saved(image, exif=exif))
    assert array.shape == (20, 40, 3)
    assert (sample(density_from_image(array))[:, 1] > 0).all()


def test_reading_from_a_path_and_from_bytes(tmp_path):
    image = Image.fromarray(half_dark())
    (tmp_path / "a.png").write_bytes(saved(image))
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), saved(image)):
        array = read_image(source)
        assert array.shape == (20, 40, 3)
        assert array.dtype == np.uint8
        assert (array[:10] == 0).all()
        assert (array[10:] == 255).all()
    assert read_image(saved(image.convert("RGBA"))).shape == (20, 40, 4)
    deep = read_image(saved(Image.fromarray(np.full((5, 5), 32768, dtype=np.uint16))))
    np.testing.assert_allclose(deep, np.full((5, 5), 32768 / 65535), atol=1e-6)
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    "size", [(20_000, 20_000), (10_000, 10_000), (5001, 5000)]
)  # error, warning, silence of Pillow
def test_too_large_a_picture_is_refused_by_its_header(size):
    with pytest.raises(ValueError, match=f"the {MAX_IMAGE_PIXELS:,}.* allowed"):
        read_image(header(*size))


def noisy_png():
    return saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))


@pytest.mark.parametrize(
    "data", [b"", b"not a picture", noisy_png()[:2000], noisy_png()[:40], header(5000, 5000), b"GIF89a" + b"\0" * 20]
)
def test_a_damaged_picture_is_said_to_be_one(data):
    with pytest.raises(ValueError, match="not a picture, or a damaged one"):
        read_image(data)


@pytest.mark.parametrize("kind", ["EPS", "TIFF", "PPM", "ICO"])
def test_only_the_usual_formats_are_opened(kind):
    """Pillow starts Ghostscript for an EPS whatever its name ends in: no upload may."""
    with pytest.raises(ValueError, match="not a picture"):
        read_image(saved(Image.new("RGB", (32, 32)), kind))


def test_a_refusal_names_no_path(tmp_path):
    file = tmp_path / "tool.png"
    file.write_bytes(b"MZ" + bytes(200))
    with pytest.raises(ValueError, match="not a picture") as raised:
        read_image(file)
    assert str(tmp_path) not in str(raised.value)


def dots(count):
    array = np.zeros((16, 16))
    array[3, :count] = 1.0
    return array


@pytest.mark.parametrize(
    ("make", "picture", "message"),
    [
        (density_from_image, np.ones((8, 8)), "the picture is white everywhere.*something dark on it"),
        (density_from_image, np.zeros((8, 8, 4), dtype=np.uint8), "the picture is white everywhere"),
        (density_from_image, Image.new("RGBA", (8, 8)), "the picture is white everywhere"),
        (density_from_image, 1 - dots(1), "the picture has only 1 pixel of ink: it needs 3 or more"),
        (density_from_image, np.full((8, 8), np.nan), "the picture holds NaN or infinite values"),
        (density_from_image, np.full((8, 8), -np.inf), "the picture holds NaN or infinite values"),
        (density_from_image, np.full((8, 8), 200.0), r"floats must lie in \[0, 1\], not in \[200, 200\]"),
        (density_from_image, np.zeros((8, 8), dtype=np.int64), "must be uint8, or floats in .*, not int64"),
        (density_from_image, np.zeros((8, 8, 2)), r"must be \(h, w\), \(h, w, 3\) or \(h, w, 4\), not \(8, 8, 2\)"),
        (density_from_image, np.zeros(8), r"must be \(h, w\), .* not \(8,\)"),
        (density_from_image, np.zeros((0, 8)), "the picture has no pixels"),
        (density_from_image, Image.new("L", (5001, 5000)), "5,001 x 5,000 pixels, more than the 25,000,000 allowed"),
        (density_from_image, np.zeros((5000, 5001), dtype=bool), "5,001 x 5,000 pixels, more than the 25,000,000"),
        (density_from_image, Image.new("La", (8, 8)), "a picture of mode La cannot be read: save it as RGB"),
        (density_from_drawing, np.zeros((8, 8)), "the drawing is empty: draw something first"),
        (density_from_drawing, dots(1), "the drawing has only 1 pixel of ink"),
        (density_from_drawing, dots(2), "the drawing has only 2 pixels of ink"),
        (density_from_drawing, np.full((8, 8), np.nan), "holds NaN"),
        (density_from_drawing, np.ones((8, 8, 3)), r"a drawing must be \(h, w\), not \(8, 8, 3\)"),
    ],
)
def test_bad_pictures_are_refused_with_the_remedy(make, picture, message):
    with pytest.raises(ValueError, match=message):
        make(picture)


@pytest.mark.parametrize("size", [1, 513])
def test_size_is_checked(size):
    with pytest.raises(ValueError, match=f"size must lie between 2 and 512, not {size}"):
        density_from_image(np.zeros((8, 8)), size=size)
