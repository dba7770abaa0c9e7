"""The panel "Evaluate": what is asked, what is kept of it, what is scored, and what people bring."""

import json
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl

import gradio as gr
import pytest
from pasted import executed

from playground import answering
from playground.i18n import refusal
from playground.mmbench import (
    by_chance,
    by_letter,
    by_scores,
    circular,
    evaluate_circular,
    read_predictions,
    read_tsv,
    score,
    write_tsv,
)
from playground.mmbench.mini import mini_benchmark
from playground.mmbench.runs import Runs
from playground.tabs.mmbench import evaluate, evaluate_models, evaluate_run, evaluate_set, evaluate_view, report_view
from playground.tabs.mmbench.evaluate_cards import matching
from playground.tabs.mmbench.evaluate_settings import Settings
from playground.tabs.panels import write

GO = threading.Event()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Places of one's own for answers and runs, and an app that nobody else reaches."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    for name in ("SPACE_ID", "GRADIO_SERVER_NAME", "GRADIO_SHARE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def panel(manager):
    return evaluate.panel(manager)


@pytest.fixture(scope="module")
def questions():
    return tuple(mini_benchmark(26))


def go(panel, settings, kept=None, language="en", stop=GO):
    """The frames of a run as one, and what is kept."""
    frames = list(panel.jobs["run"](settings, kept, stop, language))
    frame = {name: value for one, _ in frames for name, value in one.items()}
    return frame, frames[-1][1]


def stopped(panel, settings):
    """A run that is stopped at its first picture of questions."""
    stop, frames = threading.Event(), []
    for one in panel.jobs["run"](settings, None, stop, "en"):
        frames.append(one)
        if "question" in one[0] and "verdict" not in one[0]:
            stop.set()
    return frames[-1]


def written(tmp_path, rows, name="mine.tsv"):
    path = tmp_path / name
    write_tsv(path, rows)
    return str(path)


def test_every_control_and_part_is_laid_out(panel):
    with gr.Blocks():
        w = SimpleNamespace()
        panel.lay_out(w)
    for name in (*Settings.names(), *panel.shown, *panel.jobs, *panel.fills, *panel.files):
        assert getattr(w, f"evaluate_{name}").elem_id == f"mmbench-evaluate-{name}".replace("_", "-") or name in SAVES


SAVES = ("save_sheet", "save_markdown", "save_questions")  # whose ids are the report's view's own


def test_links_keep_settings():
    settings = Settings(
        model="other", source="owner/name", data="tsv", language="zh", count=13, seed=5, part="dev", first=7,
        profile="vlmevalkit", split="dev", ability="ocr", outcome="failed", position=3, session="s",
        upload="/tmp/x.tsv",
    )  # fmt: skip
    query = dict(parse_qsl(settings.query()))
    assert "upload" not in query
    assert "session" not in query
    assert "split" not in query, "who has not the file has not the split, and a radio refuses it at every look"
    again, wrong = Settings.from_query({**query, "split": "gone"})
    assert not wrong
    assert again == replace(settings, upload="", session="", split="")


def test_what_stops_or_fails_before_the_first_answer_leaves_the_panel_as_it_was(panel, monkeypatch):
    stop = threading.Event()
    stop.set()
    frames = list(panel.jobs["run"](Settings(model="chance", count=13), None, stop, "en"))
    assert all(set(frame) == {"progress"} for frame, _ in frames)
    assert frames[-1][0]["progress"] == ""

    def broken(*_):
        raise ValueError("the model cannot be read")

    monkeypatch.setattr(evaluate_run.models, "answers", broken)
    frames = []
    with pytest.raises(ValueError, match="cannot be read"):
        frames.extend(panel.jobs["run"](Settings(model="chance", count=13), None, GO, "en"))
    assert frames
    assert all(set(frame) == {"progress"} for frame, _ in frames)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "GPT-9"}, "model must be one of chance"),
        ({"data": "x"}, "data must be one of mini, tsv"),
        ({"language": "fr"}, "language must be one of en, zh"),
        ({"count": 12}, "count must be a whole number between 13 and 1,000, not 12"),
        ({"count": 1001}, "between 13 and 1,000, not 1001"),
        ({"seed": -1}, "between 0 and"),
        ({"first": -1}, "between 0 and 100,000"),
        ({"profile": "strict"}, "profile must be one of robust, vlmevalkit"),
        ({"outcome": "x"}, "outcome must be one of all, passed"),
        ({"position": 0}, "position must be a whole number between 1"),
        ({"source": "x" * 201}, "source has 201 characters, more than the 200 allowed"),
    ],
)
def test_refused_settings(change, words):
    with pytest.raises(ValueError, match=words) as refused:
        Settings(**change)
    assert not refusal("zh-CN", refused.value).isascii()


@pytest.mark.parametrize(("language", "asked"), [("en", "en"), ("zh-CN", "zh")])
def test_before_a_run_the_first_question_is_shown_with_its_rotations(panel, language, asked):
    settings = Settings(model="always A", count=20, language=asked)
    ((frame, kept),) = panel.show(settings, None, GO, language)
    assert kept is None
    first = next(mini_benchmark(1, language=asked))
    assert first.question in frame["question"]
    assert frame["question"].count("pg-q-skipped") == len(first.options)
    assert "<img" in frame["question"]
    assert "20" in frame["status"]
    assert ("Always A" in frame["status"]) == (language == "en")
    assert frame["progress"] == ""
    ((frame, _),) = panel.show(replace(settings, data="tsv"), None, GO, language)
    assert "TSV" in frame["status"]
    assert frame["tsv"]["visible"] is True
    assert frame["mini"]["visible"] == "hidden"


def test_what_the_record_says_of_a_model_is_shown_before_a_run(panel, questions, monkeypatch):
    rows = list(circular(questions))
    said = dict(zip((one.index for one in rows), by_chance()(rows), strict=True))
    found = SimpleNamespace(
        models={"chance": None}, language="en", count=26, seed=0,
        report=lambda _, profile: score(said, rows, profile=profile),
    )  # fmt: skip
    monkeypatch.setattr(evaluate_view, "mini_record", lambda: found)
    ((frame, _),) = panel.show(Settings(model="chance"), None, GO, "en")
    assert "what Chance: a letter drawn at random reaches on 26 questions" in frame["status"]
    assert frame["bars"]["visible"] is True
    assert frame["saves"]["visible"] == "hidden", "the files are of a run of one's own"
    for other in (Settings(model="always A"), Settings(model="chance", language="zh")):
        ((frame, _),) = panel.show(other, None, GO, "en")
        assert frame["verdict"] == ""


def test_a_shorter_mini_benchmark_begins_a_longer_one(questions):
    *_, thirteen = evaluate_set.mini(13, 0, "en")
    *_, more = evaluate_set.mini(26, 0, "en")
    assert thirteen == more[:13]
    assert more == questions


@pytest.mark.parametrize(("model", "answer"), [("chance", by_chance()), ("always A", by_letter("A"))])
def test_a_run_is_the_library_s_own(panel, questions, model, answer):
    frame, ran = go(panel, Settings(model=model, count=26))
    *_, last = steps = list(evaluate_circular(questions, answer))
    said = {one.index: text for step in steps for one, text in zip(step.asked, step.predictions, strict=True)}
    assert {one.index: text for one, text in ran.rows} == said
    assert (ran.calls, ran.saved, ran.done) == (last.calls, last.saved, True)
    assert ran.report.overall == score(said, circular(questions)).overall
    assert frame["progress"] == ""
    assert f"{last.calls} calls" in frame["status"]
    assert set(frame) - {"progress"} <= set(panel.shown)
    if model == "always A":  # what can be said without running anything
        assert ran.report.overall.circular.value == 0
        assert ran.report.overall.vanilla.value == sum(one.answer == "A" for one in questions) / 26
        assert ran.calls == 26 + sum(one.answer == "A" for one in questions)


def test_rotations_that_were_not_asked_are_no_gap(panel):
    frame, ran = go(panel, Settings(model="always A", count=26))
    assert ran.report.problems == ()
    assert "otations missing" not in frame["verdict"]
    assert "otations missing" in report_view.verdict(ran.report, "en"), "as a file of it would be told of"
    assert "rotating the options costs" in frame["verdict"]
    cut = sum(len(ran.said[one.index]) < len(one.options) for one in ran.given.questions)
    assert 0 < ran.report.incomplete == cut, "the report itself says what was asked"


def test_stop_keeps_what_was_asked_and_the_same_settings_go_on(panel):
    settings = Settings(model="chance", count=26)
    frame, ran = stopped(panel, settings)
    assert 0 < ran.calls <= 32
    assert not ran.done
    assert 0 < len(ran.decided) < 26
    assert len(ran.report.groups) == len(ran.decided)
    assert "Stopped" in frame["progress"]
    assert f"**Stopped: the fate of {len(ran.decided)} of 26 questions" in frame["status"]
    assert frame["live"]["visible"] is True
    assert "rotating the options costs" in frame["verdict"], "no rotation has come, and there are some all the same"
    _, again = go(panel, settings, ran)
    assert again.done
    assert again.fresh == again.calls - ran.calls
    ((shown, _),) = panel.show(settings, again, GO, "zh-CN")
    assert shown["status"].startswith("**已向 随机：任选一个字母 提出 26 道题")
    assert "来自之前的评测" in shown["status"]


def test_a_longer_run_of_a_model_asks_nothing_twice(panel):
    _, short = go(panel, Settings(model="always A", count=13))
    _, long = go(panel, Settings(model="always A", count=26, profile="vlmevalkit"))
    assert short.fresh == short.calls
    assert long.fresh == long.calls - short.calls
    _, other = go(panel, Settings(model="majority", count=13))
    assert other.fresh == other.calls, "another model's answers are its own"


def test_stopped_before_the_first_answer(panel):
    stop = threading.Event()
    stop.set()
    frames = list(panel.jobs["run"](Settings(model="chance", count=13, seed=77), None, stop, "en"))
    assert frames[-1] == ({"progress": ""}, None)


def test_a_model_is_leased_for_each_batch_and_given_back(questions, manager):
    class Counting:
        leases = 0
        held = 0

        @contextmanager
        def lease(self, *specs, owner):
            assert owner == "mmbench"
            Counting.leases += 1
            with manager.lease(*specs, owner=owner) as model:
                Counting.held += 1
                yield model
                Counting.held -= 1

    panel = evaluate.panel(Counting())
    settings = Settings(model="clip-world", count=26)
    frames = []
    for one in panel.jobs["run"](settings, None, GO, "en"):
        assert Counting.held == 0, "no model is held while the page is drawn"
        frames.append(one)
    ran = frames[-1][1]
    assert Counting.leases == sum(-(-len([s for s in ran.said.values() if len(s) > n]) // 16) for n in range(4))
    with manager.lease(answering.ANSWERERS["clip-world"].spec, owner="test") as model:
        answer = answering.answer_with(answering.ANSWERERS["clip-world"], model)
        assert list(answer(questions)) == [ran.said[one.index][0].prediction for one in questions]


def test_two_people_may_run_one_model(panel):
    settings = Settings(model="chance", count=13)
    first = panel.jobs["run"](settings, None, GO, "en")
    while "question" not in next(first)[0]:
        pass
    _, ran = go(panel, settings)
    assert ran.done
    assert 0 < ran.fresh < ran.calls, "what the other has answered is known"
    first.close()
    _, again = go(panel, settings)
    assert again.fresh == 0, "and what was answered beside it"
    monkeyed = evaluate_run.ROOMS
    evaluate_run.ROOMS = 0
    try:
        with pytest.raises(ValueError, match="0 people have this model evaluated") as refused:
            go(panel, Settings(model="chance", count=13))
    finally:
        evaluate_run.ROOMS = monkeyed
    assert not refusal("zh-CN", refused.value).startswith("英文")


def test_the_questions_of_a_run_can_be_looked_at(panel, questions):
    settings = Settings(model="chance", count=26)
    _, ran = go(panel, settings)
    ((frame, _),) = panel.show(settings, ran, GO, "en")
    assert frame["position"]["maximum"] == 26
    assert "verdict" in frame
    failed = matching(questions, ran.said, "ocr", "failed")
    looked = replace(settings, ability="ocr", outcome="failed", position=9)
    ((frame, _),) = panel.show(looked, ran, GO, "en")
    assert "verdict" not in frame, "the report is there already"
    assert frame["found"] == f"Questions of this kind: {len(failed)} of 26."
    assert frame["position"]["value"] == max(1, len(failed))
    assert f"#{failed[-1].index}<" in frame["looked_at"]
    ((frame, _),) = panel.show(replace(settings, outcome="open"), ran, GO, "en")
    assert "No question to show" in frame["looked_at"]
    ((frame, _),) = panel.show(replace(settings, outcome="unparsed"), ran, GO, "zh-CN")
    assert "没有可显示的题目" in frame["looked_at"]
    assert "verdict" in frame, "another language wants all of it again"
    ((frame, _),) = panel.show(replace(settings, seed=1), ran, GO, "en")
    assert "as it was recorded" in frame["status"]
    ((frame, _),) = panel.show(settings, ran, GO, "zh-CN")
    assert "verdict" in frame, "the page has shown something else since"


def test_an_official_file_with_its_rotations_is_asked_as_it_stands(panel, questions, home):
    path = written(home, circular(questions[:13]))
    given = {one.index: one for one in read_tsv(path)}
    settings = Settings(model="chance", data="tsv", upload=path)
    frame, ran = go(panel, settings)
    assert ran.given.rotations == len(given) - 13
    assert f"rotations of others: {len(given) - 13}." in frame["status"]
    for asked, _ in ran.rows:
        assert (asked.options, asked.answer) == (given[asked.index].options, given[asked.index].answer)
    Path(path).unlink()  # Gradio does so after an hour
    ((shown, _),) = panel.show(settings, ran, GO, "en")
    assert "<img" in shown["looked_at"]


def test_damaged_rows_are_listed_and_the_rest_is_asked(panel, questions, home, monkeypatch):
    path = written(home, questions[:13])
    lines = Path(path).read_text("utf-8").splitlines()
    head = lines[0].split("\t")
    cells = lines[2].split("\t")
    cells[head.index("image")] = cells[head.index("image")][:200]
    lines[2] = "\t".join(cells)
    lines[4] = "x" + lines[4]
    Path(path).write_text("\n".join(lines) + "\n", "utf-8")
    settings = Settings(model="clip-world", data="tsv", upload=path)
    *_, (frame, _) = panel.show(settings, None, GO, "en")
    assert [row["cells"][0] for row in frame["problems"]["rows"]] == ["3", "5"]
    assert "Problems in the file: 2." in frame["status"]
    monkeypatch.setattr(evaluate_models, "answers", lambda *_: by_scores(lambda _, __, options: [0] * len(options)))
    frame, ran = go(panel, settings)
    assert len(ran.given.questions) == 12
    assert ran.done
    assert ran.said[1][0].prediction == ""
    assert ran.report.groups[1].hit is False
    assert len(frame["problems"]["rows"]) == 3
    assert "picture that can be read: 1." in frame["status"]


def test_without_answers_every_row_is_asked_and_nothing_is_scored(panel, questions, home, monkeypatch):
    rows = [replace(one, answer=None) for one in circular(questions[:13])]
    settings = Settings(model="chance", data="tsv", upload=written(home, rows))
    frame, ran = go(panel, settings)
    assert ran.report is None
    assert ran.done
    assert [one.index for one, _ in ran.rows] == [one.index for one in rows]
    assert "there is nothing to score" in frame["status"]
    path = panel.files["predictions_xlsx"](settings, ran, home, "en")
    assert [one.index for one in read_predictions(path).rows] == [one.index for one in rows]
    monkeypatch.chdir(home)
    left = executed("\n".join(panel.program(settings, "en")))
    assert [(one.index, text) for one, text in left["rows"]] == [(one.index, text) for one, text in ran.rows]
    with pytest.raises(ValueError, match="no report to save") as refused:
        panel.files["save_sheet"](settings, ran, home, "en")
    assert "没有可保存的报告" in refusal("zh-CN", refused.value)
    with pytest.raises(ValueError, match="nothing to compare"):
        list(panel.jobs["keep"](settings, ran, GO, "en"))
    columns, lines, _ = panel.record(settings, ran)
    assert columns == ["index", "prediction"]
    assert len(list(lines)) == len(rows)


def test_a_split_and_the_first_questions_alone(panel, questions, home):
    rows = [replace(one, split="test" if one.index % 2 else "dev") for one in questions]
    settings = Settings(model="always A", data="tsv", upload=written(home, rows), part="test", first=5)
    *_, (frame, _) = panel.show(settings, None, GO, "en")
    assert [value for _, value in frame["part"]["choices"]] == ["", "dev", "test"]
    assert "5 questions are ready" in frame["status"]
    _, ran = go(panel, settings)
    assert sorted(ran.said) == [1, 3, 5, 7, 9]
    with pytest.raises(ValueError, match="no question is of the split 'train'; the file has dev, test") as refused:
        go(panel, replace(settings, part="train"))
    assert "没有题目属于划分" in refusal("zh-CN", refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\tb\n1\t2\n", "is no MMBench TSV: it has no column index"),
        ("index\tquestion\tA\tB\nx\tq\t1\t2\n", "has no question that can be asked; row 2, column index"),
        ("index\tquestion\tA\tB\n", "has no question that can be asked"),
    ],
)
def test_refused_files(panel, home, text, words):
    path = home / "bad.tsv"
    path.write_text(text)
    for show in (panel.show, panel.jobs["run"]):
        with pytest.raises(ValueError, match=words) as refused:
            list(show(Settings(data="tsv", upload=str(path)), None, GO, "en"))
        assert not refusal("zh-CN", refused.value).startswith("英文")


def test_no_file_and_too_many_rows(panel, home, monkeypatch, questions):
    with pytest.raises(ValueError, match="upload a TSV first"):
        go(panel, Settings(data="tsv"))
    monkeypatch.setattr(evaluate_set, "MOST_ROWS", 3)
    with pytest.raises(ValueError, match=r"five\.tsv has more than 3 rows"):
        go(panel, Settings(data="tsv", upload=written(home, questions[:5], "five.tsv")))


def test_files_give_the_run_again(panel, home, tmp_path):
    settings = Settings(model="chance", count=26)
    _, ran = go(panel, settings)
    for name in ("predictions_xlsx", "predictions_jsonl"):
        path = panel.files[name](settings, ran, home, "en")
        assert path.endswith(name.rpartition("_")[2])
        assert score(read_predictions(path)).overall == ran.report.overall
    for name in SAVES:
        assert Path(panel.files[name](settings, ran, home, "en")).stat().st_size > 200
    told = json.loads(Path(write("json", panel, settings, ran, tmp_path)).read_text("utf-8"))
    assert told["calls"] == ran.calls
    assert told["rows"][0][4] == pytest.approx(100 * ran.report.overall.circular.value, abs=0.05)


def test_a_run_is_kept_in_the_leaderboard(panel):
    settings = Settings(model="chance", count=26)
    with pytest.raises(ValueError, match="run the model first") as refused:
        list(panel.jobs["keep"](settings, None, GO, "en"))
    assert "请先运行模型" in refusal("zh-CN", refused.value)
    _, ran = go(panel, settings)
    *_, (frame, kept) = panel.jobs["keep"](replace(settings, outcome="failed"), ran, GO, "en")
    assert kept is None
    (run,) = Runs().list().runs
    assert run.name in frame["kept"]["value"]
    assert (run.calls, run.saved, run.questions) == (ran.calls, ran.saved, 26)
    again = Runs().report(run.id)
    assert again.overall.circular == ran.report.overall.circular
    _, part = stopped(panel, Settings(model="always A", count=26))
    list(panel.jobs["keep"](part.settings, part, GO, "en"))
    (other,) = {one.id: one for one in Runs().list().runs if one.id != run.id}.values()
    assert (other.name, other.questions) == ("always A", len(part.decided))
    assert {one.index % 1_000_000 for one in Runs().questions(other.id)} == {one.index for one in part.decided}


def test_a_visitor_names_no_folder(panel, home, monkeypatch):
    here = Settings(model="other", source="checkpoints/clip-world", count=13)
    assert "folder on this machine" in evaluate_models.line("other", "en")
    assert evaluate_models.asked("other", "checkpoints/clip-world").how == "clip"
    monkeypatch.setenv("SPACE_ID", "someone/space")
    assert "folder" not in evaluate_models.line("other", "en")
    for source in ("checkpoints/clip-world", str(home), "../x", "a/b/c", "name", ""):
        with pytest.raises(ValueError, match="a model is named by its repository of the hub here") as refused:
            go(panel, replace(here, source=source))
        assert "仓库名" in refusal("zh-CN", refused.value)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_model_is_described(language):
    for _, name in evaluate_models.CHOICES:
        text = evaluate_models.line(name, language)
        assert len(text) > 20
        assert "{" not in text
    one = answering.ANSWERERS["SmolVLM 256M"]
    told = evaluate_models.line("SmolVLM 256M", language)
    assert all(part in told for part in (one.source, str(one.megabytes), one.licence))


def test_a_download_comes_first(monkeypatch):
    asked = []
    monkeypatch.setattr(answering, "download", lambda one, progress: asked.append((one.name, progress(1, 2))))
    one = replace(answering.ANSWERERS["clip-world"], source="owner/name", megabytes=7)
    shown = list(evaluate_models.download(one, GO, "en"))
    assert asked == [("clip-world", None)]
    assert all("MB" in bar for bar in shown)
    assert not list(evaluate_models.download(answering.ANSWERERS["chance"], GO, "en"))


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_example_is_a_file_that_can_be_asked(panel, tmp_path, language):
    values = panel.fills["example"]("", tmp_path, language)
    settings = Settings(model="always A", **values)
    _, ran = go(panel, settings, language=language)
    assert len(ran.given.questions) == 26
    assert ran.problems == []


@pytest.mark.parametrize("data", ["mini", "tsv"])
def test_the_program_runs_the_same(panel, home, monkeypatch, questions, data, capsys):
    monkeypatch.chdir(home)
    written(home, circular(questions), "asked.tsv")
    settings = Settings(model="chance", count=13, data=data, part="dev" if data == "tsv" else "", first=9)
    settings = replace(settings, upload=str(home / "asked.tsv") if data == "tsv" else "")
    left = executed("\n".join(panel.program(settings, "en")))
    _, ran = go(panel, settings)
    assert len(ran.given.questions) == (13 if data == "mini" else 9)
    assert [(one.index, text) for one, text in left["rows"]] == [(one.index, text) for one, text in ran.rows]
    assert left["report"].overall == ran.report.overall
    assert (home / "predictions.xlsx").stat().st_size > 1000
    assert "# MMBench: chance" in capsys.readouterr().out


def test_what_a_failed_question_was_not_asked_is_no_gap_in_the_files(panel, home):
    settings = Settings(model="chance", count=26)
    _, ran = go(panel, settings)
    assert ran.saved
    assert ran.report.incomplete, "of the official toolkit's kind: rows that are not there"
    text = Path(panel.files["save_markdown"](settings, ran, home, "en")).read_text(encoding="utf-8")
    assert "Questions with rotations missing: 0;" in text
    assert json.loads(Path(write("json", panel, settings, ran, home)).read_text(encoding="utf-8"))["incomplete"] == 0
