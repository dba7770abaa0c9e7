"""The comparator lets noise through and no fault: each planted fault is one a person would see."""

import compare
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from saved_pictures import saved

SIZE = (960, 600)
INK, SUBDUED, PAPER, ACCENT = (24, 24, 37), (106, 106, 125), (250, 250, 252), (107, 65, 221)


def draw(*, button="Train", label="Learning rate", label_ink=SUBDUED, label_x=24, plot=True, size=SIZE):
    """A page as (h, w, 3) uint8: a title, a label over its field, a button and a plot."""
    image = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    pen.text((24, 16), "Playground", INK, ImageFont.load_default(28))
    pen.text((label_x, 80), label, label_ink, font)
    pen.rounded_rectangle((24, 104, 300, 136), 6, "white", (208, 208, 219))
    pen.rounded_rectangle((24, 160, 300, 200), 8, ACCENT)
    pen.text((162, 180), button, "white", font, anchor="mm")
    if plot:
        pen.rectangle((330, 80, 930, 560), "white", (229, 229, 236))
        x = np.linspace(0, 600, 601)
        pen.line([(330 + a, 320 + 200 * np.sin(a / 40)) for a in x], ACCENT, 2)
    return np.asarray(image)


def png(picture):
    return saved(Image.fromarray(picture))


PAGE = draw()
FAULTS = {
    "typo on a button": {"button": "Tarin"},
    "missing plot": {"plot": False},
    "unreadable colour": {"label_ink": (236, 236, 240)},
    "label shifted by 2 px": {"label_x": 26},
    "missing label": {"label": ""},
}


def test_equal_pictures_pass():
    same = compare.compare(PAGE, PAGE.copy())
    assert (same.worst, same.total, same.failed) == (0, 0, False)


def test_noise_of_one_step_passes():
    noise = np.random.default_rng(0).integers(-1, 2, PAGE.shape)
    noisy = compare.compare(PAGE, np.clip(PAGE + noise, 0, 255).astype(np.uint8))
    assert (noisy.worst, noisy.total, noisy.failed) == (0, 0, False)


def test_shift_of_one_pixel_passes():
    assert not compare.compare(PAGE, draw(label_x=25)).failed


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_fail(fault):
    faulty = draw(**FAULTS[fault])
    assert compare.compare(PAGE, faulty).failed
    assert compare.compare(faulty, PAGE).failed


def test_small_faults_hide_in_the_share_of_the_page():
    """Why tiles: the typo is under the bound of the whole page by a factor of 5, and over the tile's."""
    typo = compare.compare(PAGE, draw(button="Tarin"))
    assert typo.total < compare.TOTAL / 5
    assert typo.worst > compare.WORST
    x, y = typo.where
    assert 140 - compare.TILE < x < 185
    assert 170 - compare.TILE < y < 190


def test_a_fault_on_the_corner_of_four_tiles_counts_whole():
    fault = PAGE.copy()
    fault[384 - 4 : 384 + 4, 640 - 4 : 640 + 4] = 0  # 64 pixels; 16 in each of the four tiles of a plain grid
    assert compare.compare(PAGE, fault).worst >= 64 / compare.TILE**2


def test_another_size_fails(tmp_path):
    taller = draw(size=(SIZE[0], SIZE[1] + 1))
    compare.check("page", png(PAGE), refresh=True, baselines=tmp_path)
    with pytest.raises(AssertionError, match=r"size 960x600 became 960x601"):
        compare.check("page", png(taller), baselines=tmp_path, failures=tmp_path / "failures")


def test_missing_baseline_fails_with_the_remedy(tmp_path):
    with pytest.raises(AssertionError, match=r"no baseline page\.png.*--refresh-baselines"):
        compare.check("page", png(PAGE), baselines=tmp_path, failures=tmp_path / "failures")
    assert np.array_equal(compare.decode((tmp_path / "failures/page-actual.png").read_bytes()), PAGE)


def test_refresh_writes_what_then_passes(tmp_path):
    folders = {"baselines": tmp_path / "baselines", "failures": tmp_path / "failures"}
    compare.check("page", png(draw(button="Stop")), refresh=True, **folders)
    compare.check("page", png(PAGE), refresh=True, **folders)
    assert np.array_equal(compare.decode((tmp_path / "baselines/page.png").read_bytes()), PAGE)
    compare.check("page", png(PAGE), **folders)
    assert list(folders["failures"].iterdir()) == []


def test_a_failure_leaves_three_pictures_and_the_next_success_none(tmp_path):
    folders = {"baselines": tmp_path, "failures": tmp_path / "failures"}
    compare.check("page", png(PAGE), refresh=True, **folders)
    with pytest.raises(AssertionError, match=r"worst 32x32 tile at x=\d+, y=\d+: \d+\.\d% different"):
        compare.check("page", png(draw(button="Tarin")), **folders)
    assert {path.name for path in folders["failures"].iterdir()} == {
        "page-actual.png", "page-expected.png", "page-diff.png",
    }  # fmt: skip
    red = (compare.decode((folders["failures"] / "page-diff.png").read_bytes()) == (220, 0, 0)).all(-1)
    assert np.array_equal(red, compare.compare(PAGE, draw(button="Tarin")).mask)
    compare.check("page", png(PAGE), **folders)
    assert list(folders["failures"].iterdir()) == []


@pytest.mark.parametrize("colours", [2, 200, 5000])
def test_baselines_lose_nothing(colours):
    generator = np.random.default_rng(colours)
    palette = generator.integers(0, 256, (colours, 3), dtype=np.uint8)
    picture = palette[generator.integers(0, colours, (90, 120))]
    assert np.array_equal(compare.decode(compare.encode(picture)), picture)
