"""The shipped record: what our models choose again, whole, scored as by its questions, and made by the command."""

import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from playground import checkpoints
from playground import cli_mmbench_record as command
from playground.answering import ANSWERERS, answer_with
from playground.mmbench import Question, by_chance, by_letter, circular, evaluate_circular, score
from playground.mmbench import record as module
from playground.mmbench.answerers import majority_of
from playground.mmbench.mini import mini_benchmark
from playground.mmbench.record import (
    FILE,
    FOLDER,
    MiniRecord,
    Sitting,
    ask_all,
    mini_record,
    read_record,
    record_of,
    write_record,
)


@pytest.fixture(scope="module")
def shipped():
    return mini_record()


def test_what_is_shipped(shipped):
    assert (shipped.count, shipped.seed, shipped.language) == (1000, 0, "en")
    assert tuple(shipped.models) == command.SITTERS
    assert (FOLDER / FILE).stat().st_size < 300_000
    for name, one in shipped.models.items():
        assert one.how == ANSWERERS[name].how
        assert [len(chosen) for chosen in one.chosen] == list(map(int, shipped.options))
        assert set("".join(one.chosen)) <= set("ABCD")


def test_the_models_are_those_that_are_shipped(shipped):
    for name, one in shipped.models.items():
        if one.weights:
            assert (one.weights, one.parameters) == command._weights(ANSWERERS[name])


def test_a_model_chooses_again_what_is_recorded(shipped):
    asked = list(mini_benchmark(40))
    answerer = ANSWERERS["clip-world"]
    found = [one for some in ask_all(asked, answer_with(answerer, answerer.spec.load())) for one in some]
    same = [again == before for again, before in zip(found, shipped.models["clip-world"].chosen, strict=False)]
    assert sum(same) >= 39  # another machine's rounding may turn a choice that is close


def test_those_without_a_model_are_as_they_were(shipped):
    asked = shipped.questions()
    chance = tuple(one for some in ask_all(asked, by_chance()) for one in some)
    assert shipped.models["chance"].chosen == chance
    letter = majority_of(asked)
    assert shipped.models["majority"].chosen == tuple(letter * int(count) for count in shipped.options)


def test_a_report_is_that_of_the_questions_themselves(shipped):
    """Without their texts, which take seconds to make, the same score."""
    rows = list(circular(shipped.questions()))
    given = {one.index: one.prediction for one in shipped.predictions("clip-world").rows}
    truth = score(given, rows)
    assert replace(truth, name="clip-world") == shipped.report("clip-world")
    assert shipped.report("clip-world") is shipped.report("clip-world")
    assert {one.index for one in shipped.predictions("chance").rows} == {one.index for one in rows}


def test_what_the_record_teaches(shipped):
    by = dict(zip(shipped.models, shipped.reports(), strict=True))
    for one in by.values():
        assert one.overall.n == 1000
        assert one.incomplete == one.missing == one.unparsed == 0
    sizes = list(map(int, shipped.options))
    lucky = sum(k**-k for k in sizes) / len(sizes)
    assert by["chance"].overall.circular.value == pytest.approx(lucky, abs=4 * (lucky * (1 - lucky) / 1000) ** 0.5)
    assert by["chance"].overall.vanilla.value == pytest.approx(sum(1 / k for k in sizes) / 1000, abs=0.06)
    assert by["majority"].overall.circular.value == 0
    assert by["majority"].overall.vanilla.value == shipped.answers.count(majority_of(shipped.questions())) / 1000
    models = [name for name, one in shipped.models.items() if one.weights]
    assert all(by[name].overall.circular.low > by["chance"].overall.circular.high for name in models)
    fell = {one.category for name in models for one in by[name].groups if one.vanilla and not one.hit}
    assert fell <= {"ocr", "attribute_comparison"}  # ties, of words that the tokenizer does not know


def test_pictures_are_drawn_when_they_are_wanted(shipped):
    assert shipped.questions()[3].picture is None
    assert shipped.picture(3) == list(mini_benchmark(4))[3].picture
    with pytest.raises(ValueError, match="the record has the questions 0 to 999, not 1000"):
        shipped.picture(1000)
    with pytest.raises(ValueError, match=r"the record has clip-world, .*, not 'gpt'"):
        shipped.predictions("gpt")


def test_a_record_of_other_questions_says_so(shipped):
    other = replace(shipped, digest="0" * 32)
    with pytest.raises(ValueError, match="the mini benchmark has changed since its record was made"):
        other.questions()


def small(n=26):
    options = (("A", "red"), ("B", "blue"), ("C", "green"))
    return [Question(i, "?", options[: 2 + i % 2], "AB"[i // 2 % 2], category=("ocr", "image_style")[i % 2])
            for i in range(n)]  # fmt: skip


def test_written_and_read(tmp_path):
    asked = small()
    sittings = {"a": Sitting("fixed", tuple("AB" if i % 2 == 0 else "A-C" for i in range(26)), "", 7, "MIT")}
    made = record_of(asked, sittings, seed=3, language="zh")
    write_record(tmp_path / "r.json", made)
    first = (tmp_path / "r.json").read_bytes()
    assert read_record(tmp_path / "r.json") == made
    write_record(tmp_path / "r.json", read_record(tmp_path / "r.json"))
    assert (tmp_path / "r.json").read_bytes() == first
    assert made.report("a").unparsed == 13
    assert made.about()["a"].parameters == 7
    with pytest.raises(ValueError, match="a has not answered every rotation of every question"):
        record_of(asked, {"a": Sitting("fixed", ("A",) * 26)}, seed=0, language="en")
    with pytest.raises(ValueError, match="abilities do not take turns"):
        record_of([*asked, replace(asked[1], index=99)], {}, seed=0, language="en")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"models": {"a": {"how": 1}}}', None, "short"])
def test_what_is_no_record(tmp_path, text, shipped):
    path = tmp_path / "r.json"
    if text == "short":
        told = json.loads((FOLDER / FILE).read_text())
        text = json.dumps(told | {"answers": told["answers"][:-1]})
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=r"r\.json is no record of the mini benchmark"):
        read_record(path)
    assert isinstance(shipped, MiniRecord)


def test_all_passes_are_asked_and_going_on_is_going_through():
    asked = small()
    seen = []

    def answer(rows):
        seen.append([row.index for row in rows])
        return [row.answer for row in rows]

    whole = [one for some in ask_all(asked, answer) for one in some]
    first = seen.copy()
    later = [one for some in ask_all(asked, answer, start=16) for one in some]
    assert later == whole[16:]
    assert seen[len(first) :] == first[2:]
    assert sum(map(len, first)) == sum(len(one.options) for one in asked)
    steps = list(evaluate_circular(asked, lambda rows: [row.answer for row in rows]))
    assert [len(one) for one in whole] == [len(one.options) for one in asked]
    assert steps[-1].passed == 26
    with pytest.raises(ValueError, match="start must be a multiple of 8, not 3"):
        next(ask_all(asked, answer, start=3))
    with pytest.raises(ValueError, match="question 0 was answered by 'D', which is none of its letters"):
        next(ask_all(asked, by_letter("D")))


def test_the_command_resumes_and_gives_the_same_bytes(tmp_path, monkeypatch):
    app = typer.Typer()
    app.command()(command.record)
    arguments = ["--count", "26", "--model", "chance", "--model", "majority"]

    def run(folder):
        return CliRunner().invoke(app, [*arguments, "--out", str(folder)])

    done = run(tmp_path / "a")
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["README.md", "record.json"]

    real, calls = command.answer_with, []

    def counting(answerer, model=None, questions_all=None):
        answer = real(answerer, model, questions_all)

        def counted(rows):
            calls.append((answerer.name, len(rows)))
            if len(calls) == 3:
                raise OSError("the lights went out")
            return answer(rows)

        return counted

    monkeypatch.setattr(command, "answer_with", counting)
    failed = run(tmp_path / "b")
    assert failed.exit_code != 0
    assert not (tmp_path / "b" / "record.json").exists()
    assert run(tmp_path / "b").exit_code == 0
    assert [name for name, _ in calls] == ["chance"] * 5 + ["majority"] * 4  # 4 batches, and the one that failed
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    card = (tmp_path / "a" / "README.md").read_text()
    assert "playground mmbench record --count 26 --model chance --model majority" in card
    assert "| majority |" in card
    assert read_record(tmp_path / "a" / FILE).models["chance"].how == "fixed"


def test_the_command_refuses(tmp_path):
    app = typer.Typer()
    app.command()(command.record)
    for arguments, said in ((["--model", "gpt"], "model must be one of"), (["--count", "0"], "count must lie between")):
        done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)], env={"COLUMNS": "200"})
        assert done.exit_code == 2
        assert said in " ".join(done.output.replace("│", " ").split())
    assert checkpoints.ROOT / "mmbench-mini" == FOLDER
    assert module.BATCH == 8
