"""Both languages say the same things, and every text the code asks for is there."""

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from playground import flows
from playground.figures import mmbench
from playground.i18n import ERRORS, TEXTS, label, refusal, say
from playground.tabs.components import question_card, reading_card

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
        "mmbench.",
    )
    idle = [key for key in TEXTS["en"] if key not in code and not key.startswith(families)]
    assert not idle


def test_the_words_of_mmbench_are_those_of_its_figures_and_cards():
    for prefix, words in [
        ("mmbench.figure.", mmbench.WORDS),
        ("mmbench.card.", question_card.WORDS),
        ("mmbench.lab.reading.", reading_card.WORDS),
    ]:
        assert {key.removeprefix(prefix) for key in TEXTS["en"] if key.startswith(prefix)} == words.keys()


# Where an error may come from that a tab shows to a person.
REFUSING = (
    *(
        path.relative_to(CODE).as_posix()
        for name in ("mmbench", "tabs/mmbench")
        for path in sorted((CODE / name).glob("*.py"))
    ),
    "answering.py",
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
    r"^'7' is not a number|the picture has no pixels|a picture must be|the picture holds NaN|a picture of floats|"
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
    r"kept to go on from needs|must be dim or dim_one_view|batch must be a multiple|"
    r"^(candidates|batch_size) must be at least|options, and 7 scores came|must have 1 to 7 positions|"
    r"must be shares that sum to 1|they must be as many$|has the passes 0 to 7|batch must be 1 or more|"
    r"questions are in en or zh|start must be a multiple|which is none of its letters$|do not take turns|"
    r"has not answered every rotation|its parts are not of one length|a sheet is written as|who answers\? give|"
    r"^7 is none$|not the fields of a verdict|it has no sheet|a cell refers to text 7|^stopped$|"
    r"without its options; the prediction counts as wrong|an answer may have at most|must be 1 to 7 rows"
)
PUT_TOGETHER = re.compile(  # of sentences, or of names that each have a pattern: see those that the library says below
    r"^question 7: 7$|^picture 7 of 7: 7$|^the judge failed: 7$|is no 7: it is not text|it has no column 7|"
    r"^7 has no 7; pickled weights|the reports are by 7:|^question 7 has 7 of its [71] rows|is none of the options 7|"
    r"^7 with something dark on it$|^its picture has 7 bytes"
)
FILLED = ("7", "7.tsv")  # what may stand for a value that is filled in, a number or a file


def wordings(node: ast.AST, names: dict[str, list[str]]) -> list[str]:
    """All that an expression may say, with 7 for what is filled in; `names` are the texts that names may have."""
    match node:
        case ast.Constant(value=str()):
            return [node.value]
        case ast.JoinedStr():
            return ["".join(parts) for parts in product(*(wordings(part, names) for part in node.values))]
        case ast.FormattedValue(conversion=114):  # !r
            return ["'7'"]
        case ast.FormattedValue():
            return wordings(node.value, names)
        case ast.BinOp(op=ast.Add()) if any(isinstance(getattr(one, "value", None), str) for one in ast.walk(node)):
            return [a + b for a in wordings(node.left, names) for b in wordings(node.right, names)]
        case ast.IfExp():
            return wordings(node.body, names) + wordings(node.orelse, names)
        case ast.Name() if node.id in names:
            return names[node.id]
    return ["7"]


def texts_of_names(function: ast.AST) -> dict[str, list[str]]:
    """The texts that a function gives its names: by =, by a pair of such, or one after the other in a loop."""
    found: dict[str, list[str]] = {}

    def give(target: ast.AST, value: ast.AST) -> None:
        if isinstance(value, ast.IfExp):
            give(target, value.body)
            give(target, value.orelse)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, own in zip(target.elts, value.elts, strict=False):
                give(one, own)
        elif isinstance(target, ast.Name):
            found.setdefault(target.id, []).extend(wordings(value, found))

    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                give(target, node.value)
        elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Tuple):
            for value in node.iter.elts:
                give(node.target, value)
    return found


def sentences() -> Iterator[tuple[str, str]]:
    """Every message that these files raise or report of a row, with 7 for what is filled in."""
    for name in REFUSING:
        for function in ast.walk(ast.parse((CODE / name).read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            names = texts_of_names(function)
            for node in ast.walk(function):
                match node:
                    case ast.Raise(exc=ast.Call(args=[text, *_])):
                        pass
                    case ast.Call(func=ast.Name(id="report"), args=[_, _, _, text]):
                        pass
                    case ast.Call(func=ast.Name(id="Problem"), args=[_, _, text]):
                        pass
                    case _:
                        continue
                yield from ((name, one.partition("\n")[0]) for one in wordings(text, names))


def test_every_refusal_has_its_chinese():
    found = [
        (name, text)
        for name, text in sentences()
        if len(text) > 5 and not NOT_FOR_THE_PAGE.search(text) and not PUT_TOGETHER.search(text)
    ]
    assert len(found) > 250
    assert any(
        name == "mmbench/scoring.py" and text.startswith("7 is there twice, with another") for name, text in found
    )
    english = {
        pair
        for pair in found
        if all("英文" in refusal("zh-CN", ValueError(re.sub("^7|(?<= )7", one, pair[1]))) for one in FILLED)
    }
    assert not english


def test_refusal_fills_in_what_the_error_says_and_leaves_tables_out():
    error = ValueError("the picture has 20,000 x 20,000 pixels, more than the 25,000,000 allowed: shrink it")
    assert refusal("zh-CN", error) == "图片有 20,000 × 20,000 像素，超过上限 25,000,000 像素：请缩小。"
    assert refusal("en", error) == f"{error}."
    assert refusal("en", TimeoutError("clip: not to be had.\n  table\n  table")) == "clip: not to be had."
    assert "something else" in refusal("zh-CN", ValueError("something else"))
    for pattern, chinese in ERRORS:
        assert re.compile(pattern).groups == chinese.count("{}"), pattern


def a_match(pattern: Iterable[tuple[object, Any]]) -> str:
    """A short text that a parsed pattern matches, with x, 7 or w for what may be anything, a digit or a letter."""
    text = ""
    for kind, told in pattern:
        match str(kind):
            case "LITERAL":
                text += chr(told)
            case "ANY" | "NOT_LITERAL":
                text += "x"
            case "IN" if str(told[0][0]) == "NEGATE":
                text += "x"
            case "IN":
                text += a_match(told[:1])
            case "RANGE":
                text += chr(told[1])
            case "CATEGORY":
                text += "7" if str(told) == "CATEGORY_DIGIT" else "w"
            case "MAX_REPEAT":
                least, most, part = told
                text += a_match(part) * (1 if least == 0 and most > 1 else least)
            case "SUBPATTERN":
                text += a_match(told[-1])
            case "BRANCH":
                text += a_match(told[1][0])
            case other:
                raise AssertionError(other)
    return text


def test_no_pattern_hides_one_behind_it():
    for pattern, _ in ERRORS:
        text = a_match(re._parser.parse(pattern))
        assert next(one for one, _ in ERRORS if re.fullmatch(one, text, flags=re.DOTALL)) == pattern, text


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
