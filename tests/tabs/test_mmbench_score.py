"""The panel "Score a file": settings, the example, files good and bad, both profiles, judges and the program."""

import base64
import csv
import json
import threading
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import gradio as gr
import pytest
import torch
from mmbench_judge_stand_in import serving
from pasted import executed

from playground import mmbench
from playground.i18n import refusal
from playground.mmbench import judge as judge_module
from playground.mmbench.example_sheet import example_questions, example_rows, write_example
from playground.mmbench.judge_endpoint import endpoint_judge
from playground.mmbench.mini import mini_benchmark
from playground.mmbench.runs import Runs
from playground.mmbench.xlsx import write_xlsx
from playground.tabs import jobs
from playground.tabs.mmbench import judging, kept, score_data
from playground.tabs.mmbench.score import Settings, panel
from playground.tabs.panels import write

GO = threading.Event()
KEY = "sk-very-secret-key-1234"


@pytest.fixture
def one(manager):
    return panel(manager)


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Verdicts and uploads of a test lie in its own folder."""
    (tmp_path / "jobs").mkdir()
    monkeypatch.setattr(jobs.tempfile, "gettempdir", lambda: str(tmp_path / "jobs"))


@pytest.fixture
def endpoint(monkeypatch):
    """A judge on the loopback that reads B in everything."""
    with serving() as server:
        monkeypatch.setattr(judging, "endpoint_judge", partial(endpoint_judge, timeout=5))
        monkeypatch.setattr(judge_module, "PAUSE", 0.0)
        yield server


def rows(count=12):
    return list(mmbench.circular(example_questions(count)))


def sheet(path, answer, asked=None, columns=("index", *"ABCD", "answer", "category", "prediction")):
    """A csv of predictions in the official columns."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(columns)
        for q in asked or rows():
            cells = {"index": q.index, "answer": q.answer, "category": q.category, **dict(q.options)}
            cells |= {"prediction": answer(q), "question": q.question, "split": q.split}
            lines.writerow([cells.get(name, "") for name in columns])
    return str(path)


def always_a(_):
    return "A"


def nicest(q):
    """What names no option."""
    return f"the nicest, {q.index}"


def ran(one, settings, stop=GO, kept=None):
    """The frames of Score, and what is kept at last."""
    frames = list(one.jobs["run"](settings, kept, stop, "en"))
    return [frame for frame, _ in frames], frames[-1][1]


def shown(one, settings, kept=None, language="en"):
    ((frame, result),) = one.show(settings, kept, GO, language)
    return frame, result


def test_every_control_and_part_is_laid_out(one):
    with gr.Blocks():
        w = SimpleNamespace()
        one.lay_out(w)
    for name in (*Settings.names(), *one.shown, *one.jobs, *one.fills, *one.files):
        assert getattr(w, f"score_{name}").elem_id == f"mmbench-score-{name}"
    assert w.score_key.type == "password"


def test_a_link_keeps_settings_but_no_file_and_no_key():
    settings = Settings(profile="vlmevalkit", judge="endpoint", address="https://api.example.com/v1", model="m",
                        key=KEY, upload="/tmp/secret.xlsx", upload_questions="/tmp/q.tsv", mini=True, mini_count=50,
                        shows="missing", split="dev")  # fmt: skip
    assert "secret" not in settings.query()
    assert "tsv" not in settings.query()
    assert "dev" not in settings.query(), "a split comes with the file, and a radio refuses one that it does not offer"
    asked = {name: values[0] for name, values in parse_qs(settings.query()).items()}
    again, wrong = Settings.from_query(asked)
    assert not wrong
    assert (again.profile, again.address, again.mini_count, again.shows) == (
        "vlmevalkit", settings.address, 50, "missing")  # fmt: skip
    assert KEY not in repr(settings)
    assert settings.without_secrets().key == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profile": "x"}, "profile must be one of robust, vlmevalkit"),
        ({"judge": "x"}, "judge must be one of none, local, endpoint"),
        ({"mini_count": 0}, "between 1 and 5,000"),
        ({"mini_language": "fr"}, "mini_language must be one of en, zh"),
        ({"audit": 201}, "between 0 and 200"),
        ({"shows": "x"}, "shows must be one of luck"),
        ({"address": "https://me:pw@example.com"}, "must hold no name, password"),
        ({"model": "m" * 301}, "model has 301 characters"),
    ],
)
def test_refused_settings(change, words):
    with pytest.raises(ValueError, match=words) as refused:
        Settings(**change)
    assert "pw" not in str(refused.value).replace("password", "")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_before_a_file_there_is_an_example(one, language):
    frame, result = shown(one, Settings(), language=language)
    assert set(frame) == {*one.shown, "progress"}
    assert "`vlmevalkit`" in frame["verdict"]
    assert f"{result.other.overall.circular.value:.1%}" in frame["verdict"]
    assert frame["problems"]["rows"]
    assert frame["differ"]["rows"]
    for row in frame["differ"]["rows"]:
        own, other = (cell.removeprefix("✓ ").partition(" ")[0] for cell in row["cells"][3:])
        assert own != other
    assert len(result.report.rules) >= 10, "many rules have something to decide"
    assert result.report.incomplete == 2
    again, _ = shown(one, Settings(profile="vlmevalkit"), result, language)
    assert "`robust`" in again["verdict"]
    assert len(example_rows()) == len(score_data.example().rows) + 2


def test_the_example_is_a_file_of_ones_own(one, tmp_path):
    given = one.fills["example"]("", tmp_path, "en")
    assert Path(given["upload"]).name == "example.xlsx"
    frames, result = ran(one, Settings(upload=given["upload"]))
    assert "Starting" in frames[0]["progress"]
    assert any("Scoring 17" in frame.get("progress", "") for frame in frames)
    example, _ = shown(one, Settings())
    assert frames[-1]["verdict"] == example["verdict"]
    assert result.given.predictions.name == "example.xlsx"


def test_a_file_waits_with_its_first_rows_and_is_shown_again_once_scored(one, tmp_path):
    path = sheet(tmp_path / "mine.csv", lambda q: q.answer)
    before, nothing = shown(one, Settings(upload=path))
    assert nothing is None
    assert "mine.csv" in before["note"]
    assert before["verdict"] == ""
    assert len(before["first"]["rows"]) == 8
    assert before["detail"]["visible"] == "hidden"
    _, result = ran(one, Settings(upload=path))
    frame, same = shown(one, Settings(upload=path, shows="passed", name="x", profile="vlmevalkit"), result)
    assert frame["verdict"].startswith("**Circular 100.0%**")
    assert same.profile == "vlmevalkit"
    assert len(frame["failed"]["rows"]) == 12
    other, _ = shown(one, Settings(upload=path, mini=True), result)
    assert other["verdict"] == "", "another question: is not answered by what was scored"


def test_a_file_without_answers_is_told_of_before_it_is_scored(one, tmp_path):
    path = sheet(tmp_path / "bare.csv", lambda q: q.answer, columns=("index", *"ABCD", "prediction"))
    frame, _ = shown(one, Settings(upload=path))
    assert "no right answers" in frame["note"]
    for settings in (Settings(upload=path, mini=True), Settings(upload=sheet(tmp_path / "mine.csv", always_a))):
        frame, _ = shown(one, settings)
        assert "no right answers" not in frame["note"]


def test_why_a_question_is_lost_though_its_row_is_right(one, tmp_path):
    wrong = {1_000_003, 2_000_003}
    path = sheet(tmp_path / "mine.csv", lambda q: "I cannot say" if q.index in wrong else q.answer)
    frames, result = ran(one, Settings(upload=path))
    lines = frames[-1]["failed"]["rows"]
    asked = [q for q in rows() if q.index % 1_000_000 == 3]
    assert [line["id"] for line in lines] == ["3"]
    assert lines[0]["cells"][2] == "".join("✗" if q.index in wrong else "✓" for q in asked)
    assert lines[0]["cells"][3] == "I cannot say"
    card = frames[-1]["card"]
    assert card.count('class="pg-q-turn"') == len(asked)
    assert "Wrong in a pass" in card
    picked = one.fills["failed"]("5", tmp_path, "en")
    frame, _ = shown(one, Settings(upload=path, **picked), result)
    assert "#5" in frame["card"]
    assert "Right in every pass" in frame["card"]
    frame, _ = shown(one, Settings(upload=path, question="1000003"), result)
    assert "#3" in frame["card"]
    for bad, words in (("x", "named by its index"), ("999", "no question 999")):
        frame, _ = shown(one, Settings(upload=path, question=bad), result)
        assert words in frame["card"]
        assert frame["verdict"], "the report stands"
        frame, _ = shown(one, Settings(upload=path, question=bad), result, "zh-CN")
        assert "英文" not in frame["card"]


def test_a_question_looked_at_in_another_file_does_not_cost_the_score(one, tmp_path):
    path = sheet(tmp_path / "mine.csv", lambda q: q.answer)
    frames, result = ran(one, Settings(upload=path, question="77"))
    assert result is not None
    assert "no question 77" in frames[-1]["card"]
    frames, _ = ran(one, Settings(upload=path, question='<img src=x onerror="a()">'))
    assert "<img" not in frames[-1]["card"]


def test_both_profiles_are_told_of_the_split_that_is_looked_at(one, tmp_path):
    asked = [replace(q, split="dev" if q.index % 2 else "test") for q in rows()]
    columns = ("index", *"ABCD", "answer", "split", "prediction")
    path = sheet(tmp_path / "mine.csv", lambda q: f"({q.answer.lower()})" if q.index % 2 else q.answer, asked, columns)
    frame, result = shown(one, Settings(upload=path, split="dev"), ran(one, Settings(upload=path))[1])
    assert result.report.splits == ("dev", "test")
    assert frame["verdict"].startswith("`dev`: **Circular 100.0%**")
    assert "circular **0.0%** (-100.0 points)" in frame["verdict"]
    frame, _ = shown(one, Settings(upload=path), result)
    assert "circular **50.0%** (-50.0 points)" in frame["verdict"]
    assert frame["split"]["visible"] is True


def test_an_answer_that_is_there_twice_is_no_difference(one, tmp_path):
    asked = rows()
    path = sheet(tmp_path / "mine.csv", lambda q: q.answer, [*asked, asked[0]])
    text = Path(path).read_text("utf-8").splitlines()
    last = text[-1].rpartition(",")[0]
    Path(path).write_text("\n".join([*text[:-1], f"{last},{'AB'[asked[0].answer == 'A']}"]) + "\n", "utf-8")
    for profile in mmbench.PROFILES:
        frame, result = shown(one, Settings(upload=path, profile=profile), ran(one, Settings(upload=path))[1])
        assert any("is there twice" in str(problem) for problem in result.report.problems)
        assert frame["differ"]["rows"] == []


def test_a_rotation_that_is_not_in_the_file_is_shown_as_such(one, tmp_path):
    asked = [q for q in rows() if q.index != 1_000_004]
    path = sheet(tmp_path / "mine.csv", lambda q: q.answer, asked)
    tsv = tmp_path / "q.tsv"
    mmbench.write_tsv(tsv, rows())
    settings = Settings(upload=path, upload_questions=str(tsv), shows="missing")
    frames, result = ran(one, settings)
    assert [row["id"] for row in frames[-1]["failed"]["rows"]] == ["4"]
    assert "–" in frames[-1]["failed"]["rows"][0]["cells"][2]
    assert "no answer to this rotation" in frames[-1]["card"]
    assert "rotations missing: 1" in frames[-1]["verdict"]
    assert example_questions(12)[4].question in frames[-1]["card"], "the text is the TSV's"
    assert result.report.problems


def test_answers_of_the_mini_benchmark_need_no_other_column(one, tmp_path):
    asked, columns = list(mini_benchmark(13, seed=3)), ("index", "prediction")
    turned = list(mmbench.circular(asked))
    path = sheet(tmp_path / "m.csv", lambda q: q.answer if q.index % 1_000_000 else "?", turned, columns)
    settings = Settings(upload=path, mini=True, mini_count=13, mini_seed=3)
    frames, result = ran(one, settings)
    assert result.report.overall.n == 13
    assert result.report.overall.circular.value == 12 / 13
    assert "<img" in one.show(replace(settings, question="5"), result, GO, "en").__next__()[0]["card"]
    assert "mini, 13, en, seed 3" in result.given.set_name
    alone = sheet(tmp_path / "alone.csv", lambda q: q.answer, asked, columns)
    _, once = ran(one, replace(settings, upload=alone))
    assert once.report.incomplete == 0, "rotations that nobody answered are not missed"
    assert frames


def damaged(folder):
    """Files that nobody can score, with what is said of them."""
    (folder / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(100))
    (folder / "empty.csv").write_text("index,prediction\n", encoding="utf-8")
    (folder / "wrong.csv").write_text("id,said\n1,A\n", encoding="utf-8")
    (folder / "bare.csv").write_text("index,prediction\n1,A\n", encoding="utf-8")
    (folder / "cut.json").write_text('[{"index": 1, "predic', encoding="utf-8")
    write_xlsx(folder / "nothing.xlsx", [])
    with zipfile.ZipFile(folder / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        with zipfile.ZipFile(folder / "nothing.xlsx") as good:
            for name in good.namelist():
                if "sheet1" not in name:
                    book.writestr(name, good.read(name))
        with book.open("xl/worksheets/sheet1.xml", "w") as file:
            for _ in range(410):
                file.write(b" " * 1_000_000)
    return {
        "old.xls": "another kind of Excel", "empty.csv": "no row with an index", "wrong.csv": "no column index",
        "bare.csv": "cannot be scored without its options", "cut.json": "no JSON, or cut off",
        "nothing.xlsx": "no column index", "bomb.xlsx": "unpacks to 410 MB",
    }  # fmt: skip


def test_files_that_nobody_can_score_are_refused_in_one_sentence(one, tmp_path):
    for name, words in damaged(tmp_path).items():
        with pytest.raises(ValueError, match=words) as refused:
            ran(one, Settings(upload=str(tmp_path / name)))
        text = str(refused.value)
        assert str(tmp_path) not in text
        assert "\n" not in text
        assert "英文" not in refusal("zh-CN", refused.value), text
    (tmp_path / "no.tsv").write_text("index\tquestion\n1\tx\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"no\.tsv is no MMBench TSV: it has no column A"):
        ran(one, Settings(upload_questions=str(tmp_path / "no.tsv")))


def test_what_is_wrong_in_rows_is_told_and_the_rest_is_scored(one, tmp_path):
    asked = rows()
    tsv, cut = tmp_path / "q.tsv", base64.b64encode(b"\xff\xd8\xff" + bytes(90)).decode()[:-3]
    lines = ["index\tquestion\tA\tB\tC\tD\tanswer\timage"]
    for q in asked:
        options = dict(q.options)
        cells = [q.index, q.question, *(options.get(letter, "") for letter in "ABCD"), q.answer, cut]
        lines.append("\t".join(map(str, cells)))
    tsv.write_text("\n".join([*lines, "x\tbroken"]) + "\n", encoding="utf-8")
    path = sheet(tmp_path / "mine.csv", lambda q: q.answer, [*asked[1:], asked[2], mmbench.Question(8_888, "", ())])
    _, result = ran(one, Settings(upload=path, upload_questions=str(tsv)))
    told = [str(problem) for problem in result.report.problems]
    for words in ("has 2 cells", "8888", "is there twice", "question 0 has"):
        assert any(words in text for text in told), words
    assert result.report.overall.circular.value == 11 / 12
    frame, _ = shown(one, Settings(upload=path, upload_questions=str(tsv), shows="passed"), result)
    assert "The picture cannot be read." in frame["card"]


def test_stop_before_the_score_keeps_nothing(one, tmp_path):
    stop = threading.Event()
    frames = one.jobs["run"](Settings(upload=sheet(tmp_path / "m.csv", always_a)), None, stop, "en")
    next(frames)
    stop.set()
    *_, (frame, result) = frames
    assert "Stopped" in frame["progress"]
    assert result is None


def waffle(q):
    """Right on most; of question 2 no row names a letter that a rule could read, of 3 one row is wrong."""
    group = q.index % 1_000_000
    if group == 2 or (group == 3 and q.index != 3):
        return f"the one that I like, {q.index}"
    return "Z!" if q.index == 3 else q.answer


def asking(path, server, **more):
    return Settings(upload=path, judge="endpoint", address=server.address, model="m", key=KEY, **more)


def test_an_endpoint_judges_what_rules_leave_open_and_is_not_asked_twice(one, tmp_path, endpoint):
    path = sheet(tmp_path / "mine.csv", waffle, rows(), ("index", "question", *"ABCD", "answer", "prediction"))
    endpoint.read = lambda _: "The letter is B."
    settings = asking(path, endpoint, audit=5)
    frames, result = ran(one, settings)
    judged = result.report.judged
    open_rows = [q for q in rows() if q.index % 1_000_000 == 2]
    assert judged.judge >= 1
    assert judged.agreement.n == 5
    assert endpoint.count == judged.judge + 5
    assert all(example_questions(12)[2].question in prompt for prompt in endpoint.prompts[: judged.judge])
    assert len(open_rows) >= judged.judge
    told = " ".join(str(frame.get("judged", "")) + frame.get("progress", "") for frame in frames)
    assert "Judged" in told
    assert "The judge said: The letter is B." in told
    assert "Double-checking" in told
    assert "Judge **m**" in frames[-1]["judged"]
    assert "the judge reads the same letter" in frames[-1]["judged"]
    calls = endpoint.count
    frames, again = ran(one, settings)
    assert endpoint.count == calls, "every verdict was kept"
    assert again.report.rows == result.report.rows
    for file in (tmp_path / "jobs").rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes()
    assert KEY not in repr(result)
    assert KEY not in repr(again.asked)
    assert again.asked.key == ""
    shown_again, _ = shown(one, settings, again)
    assert shown_again["judged"] == frames[-1]["judged"]
    path = Path(write("json", one, settings.without_secrets(), again, tmp_path))
    assert KEY not in path.read_text("utf-8")
    assert json.loads(path.read_text("utf-8"))["decided"]["judge"] == judged.judge


def test_stop_keeps_verdicts_and_the_next_run_goes_on(one, tmp_path, endpoint):
    path = sheet(tmp_path / "mine.csv", nicest)
    stop = threading.Event()

    def read(_):
        if endpoint.count == 4:
            stop.set()
        return "Z"

    endpoint.read = read
    settings = asking(path, endpoint, audit=0)
    frames, result = ran(one, settings, stop)
    assert "Stopped" in frames[-1]["progress"]
    assert endpoint.count == 4
    assert result.report.judged.judge == 4
    _, whole = ran(one, settings)
    assert endpoint.count == 12, "one call a question: each is lost by its first pass"
    assert whole.report.judged.judge == 12


def test_a_call_that_stop_cuts_short_is_no_failure(tmp_path):
    stop, said = threading.Event(), {q.index: nicest(q) for q in rows()}

    def judge(_):
        stop.set()
        raise OSError("the endpoint broke off")

    asking = judging.ask(
        judge, "m", mmbench.predictions_of(said), rows(), tmp_path / "work", stop, "en", profile="robust", audit=0,
        fallback=False,
    )  # fmt: skip
    frames = []

    def watched():
        frames.append((yield from asking))

    list(watched())
    assert frames == [({}, "")]
    assert not (tmp_path / "work" / "verdicts.jsonl").exists()
    with pytest.raises(InterruptedError):
        judging.made(None, judging.Asked("endpoint", "m", "http://127.0.0.1:1"), "", stop)("a prompt")


@pytest.mark.parametrize(
    ("answer", "english", "chinese"),
    [
        ("401", "the endpoint refuses the key (401)", "接口拒绝了该密钥（401）"),
        ("slow", "did not answer within 0.05 s", "在 0.05 秒内没有回复"),
        ("nonsense", "the endpoint answers nonsense: no JSON object", "接口的回复无效"),
    ],
)
def test_an_endpoint_that_fails_costs_no_score(one, tmp_path, endpoint, monkeypatch, answer, english, chinese):
    if answer == "slow":
        monkeypatch.setattr(judging, "endpoint_judge", partial(endpoint_judge, timeout=0.05))
    path = sheet(tmp_path / "mine.csv", lambda q: q.answer if q.index % 1_000_000 < 4 else nicest(q))
    endpoint.answer = answer
    settings = asking(path, endpoint, audit=0)
    frames, result = ran(one, settings)
    assert english in frames[-1]["judged"].replace("\\", "")
    assert "gave up" in frames[-1]["judged"]
    assert result.report.overall.circular.value == 4 / 12
    assert KEY not in frames[-1]["judged"]
    told = [row["cells"] for row in frames[-1]["problems"]["rows"]]
    assert len(told) == (0 if answer == "401" else 5)
    assert all(english.removeprefix("the endpoint ") in cells[2] for cells in told)
    frames = list(one.jobs["run"](settings, None, GO, "zh-CN"))
    assert chinese in frames[-1][0]["judged"]
    assert "英文" not in str(frames[-1][0])


def test_what_the_judge_cannot_read_is_wrong_or_drawn_and_counted(one, tmp_path, endpoint):
    path = sheet(tmp_path / "mine.csv", nicest)
    endpoint.read = lambda _: "it is what it is"
    frames, none = ran(one, asking(path, endpoint, audit=0))
    assert none.report.judged.unparsed == 12
    assert "reply cannot be read: 'it is what it is'" in frames[-1]["problems"]["rows"][0]["cells"][2]
    frames, drawn = ran(one, asking(path, endpoint, audit=0, fallback=True))
    assert drawn.report.judged.fallback >= 12
    assert "**Letters drawn at random:" in frames[-1]["verdict"]


def test_a_hosted_app_calls_no_private_address(one, tmp_path, endpoint, monkeypatch):
    monkeypatch.setattr(judging, "hosted", lambda: True)
    path = sheet(tmp_path / "mine.csv", waffle)
    frames, _ = ran(one, asking(path, endpoint, audit=0))
    assert "private network" in frames[-1]["judged"]
    assert endpoint.count == 0
    for folder in (str(tmp_path), "playground/tabs"):  # the second is one beside the app
        with pytest.raises(ValueError, match="repository of the hub here"):
            judging.chosen("local", "Qwen3 0.6B", folder, "", "")
    assert judging.chosen("local", "Qwen3 0.6B", "me/mine", "", "").where == "me/mine"


class Text(torch.nn.Module):
    """A language model that says C."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(10), requires_grad=False)

    def reply(self, text, _):
        assert "reply with its letter" in text
        return "C"


def test_a_local_judge_is_leased_from_the_manager(one, manager, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "load_judge", lambda _: Text().eval())
    folder = tmp_path / "model"
    folder.mkdir()
    path = sheet(tmp_path / "mine.csv", waffle)
    _, result = ran(one, Settings(upload=path, judge="local", source=str(folder), audit=3))
    assert result.judge == str(folder)
    assert any(status.key == f"judge/{folder}" for status in manager.snapshot())
    assert result.report.judged.agreement.n == 3
    monkeypatch.setattr(judging, "load_judge", lambda source: (_ for _ in ()).throw(ValueError(f"{source} is no")))
    with pytest.raises(ValueError, match="is no"):
        ran(one, Settings(upload=path, judge="local", source=str(tmp_path / "jobs"), audit=0))


def test_keep_in_the_leaderboard(one, tmp_path, monkeypatch):
    runs = Runs(tmp_path / "runs")
    monkeypatch.setattr(kept, "store", lambda _: runs)
    with pytest.raises(ValueError, match="press Score first"):
        list(one.jobs["keep"](Settings(), None, GO, "en"))
    path = sheet(tmp_path / "mine.csv", lambda q: q.answer)
    _, result = ran(one, Settings(upload=path))
    *_, (frame, nothing) = one.jobs["keep"](Settings(upload=path), result, GO, "en")
    assert nothing is None
    assert "Kept as **mine**" in frame["keep_note"]
    *_, _ = one.jobs["keep"](Settings(upload=path, name="Another"), result, GO, "en")
    found = runs.list().runs
    assert {run.name for run in found} == {"mine", "Another"}
    assert runs.report(found[0].id).overall.circular.value == 1


def test_files_of_the_panel(one, tmp_path):
    _, result = shown(one, Settings())
    lines = Path(write("csv", one, Settings(), result, tmp_path)).read_text("utf-8").splitlines()
    assert len(lines) == 1 + len(result.report.scores)
    record = json.loads(Path(write("json", one, Settings(), result, tmp_path)).read_text("utf-8"))
    assert record["profile"] == "robust"
    assert record["other_profile"]["circular"] == result.other.overall.circular.value
    for name in one.files:
        assert Path(one.files[name](Settings(), result, tmp_path, "en")).stat().st_size > 100


@pytest.mark.parametrize("which", ["example", "file", "tsv", "mini"])
def test_the_program_gives_the_same_report(one, which, tmp_path, monkeypatch, capsys):
    path, tsv = tmp_path / "mine.csv", tmp_path / "q.tsv"
    settings = Settings(profile="vlmevalkit")
    if which == "file":
        write_example(path, 20, seed=2)
        settings = Settings(upload=str(path))
    elif which == "tsv":
        mmbench.write_tsv(tsv, rows())
        sheet(path, always_a, columns=("index", "prediction"))
        settings = Settings(upload=str(path), upload_questions=str(tsv))
    elif which == "mini":
        asked = mmbench.circular(mini_benchmark(3, seed=1, language="zh"))
        sheet(path, always_a, asked, ("index", "prediction"))
        settings = Settings(upload=str(path), mini=True, mini_count=3, mini_seed=1, mini_language="zh")
    _, result = ran(one, settings)
    monkeypatch.chdir(tmp_path)
    left = executed("\n".join(one.program(settings, "en")))
    assert left["report"].rows == result.report.rows
    assert left["report"].scores == result.report.scores
    assert left["report"].problems == result.report.problems
    assert "# MMBench" in capsys.readouterr().out
    assert (tmp_path / "result.xlsx").stat().st_size > 500


def test_the_program_asks_the_same_judge(one, tmp_path, monkeypatch, endpoint):
    path = sheet(tmp_path / "mine.csv", waffle)
    settings = asking(path, endpoint, audit=0)
    _, result = ran(one, settings)
    monkeypatch.chdir(tmp_path)
    lines = one.program(settings, "en")
    assert KEY not in "\n".join(lines)
    monkeypatch.setenv("JUDGE_KEY", KEY)
    left = executed("\n".join(lines))
    assert left["report"].rows == result.report.rows
    local = "\n".join(one.program(Settings(judge="local", fallback=True), "en"))
    compile(local, "program", "exec")
    assert "SmolLM2-360M" in local
    assert 'fallback="random"' in local
