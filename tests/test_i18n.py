"""Both languages say the same things, and every text the code asks for is there."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from playground import flows
from playground.i18n import ERRORS, TEXTS, label, refusal, say

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
        "flows.solver.",
        "flows.paths.",
        "diffusion.",
        "clip.",
        "picture.",
        "blip.",
        "representations.",
        "name.",
    )
    idle = [key for key in TEXTS["en"] if key not in code and not key.startswith(families)]
    assert not idle


# Where an error may come from that a tab shows to a person.
REFUSING = (
    "flows/points.py",
    "flows/pictures.py",
    "flows/pixels.py",
    "flows/grid.py",
    "flows/planar.py",
    "flows/plane.py",
    "tabs/checks.py",
    "tabs/flows/settings.py",
    "tabs/diffusion/settings.py",
    "tabs/diffusion/learned.py",
    "tabs/diffusion/pictures.py",
    "tabs/clip/settings.py",
    "tabs/pictures.py",
    "tabs/blip/boot.py",
    "tabs/blip/clean.py",
    "tabs/blip/downloads.py",
    "tabs/blip/settings.py",
    "blip/attention.py",
    "blip/capfilt.py",
    "blip/clean.py",
    "blip/exports.py",
    "blip/rules.py",
    "blip/sets.py",
    "pictures/unpacking.py",
    "tabs/clip/search.py",
    "tabs/clip/downloads.py",
    "pictures/files.py",
    "pictures/reading.py",
    "clip/preprocess.py",
    "clip/search.py",
    "clip/zero_shot.py",
    "clip/labelling.py",
    "checkpoints.py",
    "diffusion/arena.py",
    "diffusion/compare.py",
    "diffusion/dial.py",
    "diffusion/distill.py",
    "diffusion/grids.py",
    "diffusion/images/drawing.py",
    "diffusion/one_curve.py",
    "diffusion/race.py",
    "diffusion/sampling.py",
    "diffusion/schedules.py",
    "diffusion/targets.py",
    "diffusion/schedule.py",
    "diffusion/solvers/adaptive.py",
    "diffusion/solvers/solver.py",
    "books.py",
    "representations/corpora.py",
    "representations/deep_infomax.py",
    "representations/digits.py",
    "representations/efficiency.py",
    "representations/estimate.py",
    "representations/experiment.py",
    "representations/indexed.py",
    "representations/ngram.py",
    "representations/nonparametric.py",
    "representations/pairs.py",
    "representations/points.py",
    "representations/pretraining.py",
    "representations/race.py",
    "representations/samples.py",
    "representations/text.py",
    "representations/watching.py",
    "representations/word_vectors.py",
    "representations/neural_ngram.py",
    "tabs/representations/few_labels.py",
    "tabs/representations/infomax.py",
    "tabs/representations/information.py",
    "tabs/representations/points.py",
    "tabs/representations/language_settings.py",
    "tabs/representations/language_models.py",
    "tabs/representations/language_texts.py",
)
NOT_FOR_THE_PAGE = re.compile(  # what no control and no upload can bring about
    r"points must be \(n, 2\) of|n must lie|extent must|this density has no closed form|place=|a drawing must be \(h|"
    r"^7 is not a number|the picture has no pixels|a picture must be|the picture holds NaN|a picture of floats|"
    r"must be 0 or 1|^must be a whole number|choose rms or median|there is no point to choose|sigma_max must be|"
    r"the shape of one sample|give steps or sigmas|noises, held_out and|at least one row|noise must have the shape|"
    r"offset must lie|beta_d > 0|rho must lie|sigma_data must be|log_p must have|"
    r"the index must have|count must be at least|labels must be one or more|"
    r"templates must be one or more|weights must have|must be a list of strings|margin must lie in \[0, 1\]|"
    r"must be at least 1, not|holds another run|not a state dict|no file of tensors alone|^7$|"
    r"there is no text to match|top_p must lie|nothing judges the texts|^7 must be at least 7, not 7|"
    r"to decide by it|to decide by; give|holds no job|is not empty, and holds|a part of 7 is missing|"
    r"holds another job|must end in 7, or have no ending|the place of the set itself|called as the job's own|"
    r"is no data set to replace|the job has 7 where|Hugging Face|decide it by decide_all|not kept when this set|"
    r"a rule needs a threshold|give either a threshold|top share must lie|threshold must (lie in|be a finite)|"
    r"^there is no 7$|is a data set of splits|nothing to judge|give one count of labels|no pairs are called|"
    r"kept to go on from needs|must be dim or dim_one_view|batch must be a multiple"
)


def sentences():
    """Every message that these files raise, with 7 for what is filled in."""
    for name in REFUSING:
        for node in ast.walk(ast.parse((CODE / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                parts = [
                    part.value if isinstance(part, ast.Constant) else "7"
                    for part in getattr(node.exc.args[0], "values", [node.exc.args[0]])
                ]
                yield name, "".join(map(str, parts)).partition("\n")[0]


def test_every_refusal_has_its_chinese():
    found = [(name, text) for name, text in sentences() if len(text) > 5 and not NOT_FOR_THE_PAGE.search(text)]
    assert len(found) > 25
    english = [pair for pair in found if "英文" in refusal("zh-CN", ValueError(pair[1]))]
    assert not english


def test_refusal_fills_in_what_the_error_says_and_leaves_tables_out():
    error = ValueError("the picture has 20,000 x 20,000 pixels, more than the 25,000,000 allowed: shrink it")
    assert refusal("zh-CN", error) == "图片有 20,000 × 20,000 像素，超过上限 25,000,000 像素：请缩小。"
    assert refusal("en", error) == f"{error}."
    assert refusal("en", TimeoutError("clip: not to be had.\n  table\n  table")) == "clip: not to be had."
    assert "something else" in refusal("zh-CN", ValueError("something else"))
    for pattern, chinese in ERRORS:
        assert re.compile(pattern).groups == chinese.count("{}"), pattern


def test_refusals_of_the_diffusion_tab_in_chinese():
    said = {
        "steps must be a whole number between 2 and 100, not 1": "步数 必须是 2 与 100 之间的整数，而不是 1。",
        "no solver is called 'magic'; choose one of ddim, heun": "没有名为 'magic' 的选项；请选择 ddim, heun 之一。",
        "the grid must start at sigma_max = 80, not 70": "噪声水平必须从 80 开始，而不是 70。",
        "'ten' is no noise level: write numbers, falling to 0": "'ten' 不是噪声水平：请写一路下降到 0 的数。",
    }
    for english, chinese in said.items():
        assert refusal("zh-CN", ValueError(english)) == chinese


def test_say_and_label():
    assert say("zh-CN", "flows.unit.nats", value="1.5") == "1.5 奈特"
    with pytest.raises(KeyError, match="no such text"):
        label("no such text")
