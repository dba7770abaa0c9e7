"""Runs kept: scored again as they were, whole or not there, ids that lead nowhere else; and the leaderboard."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from playground.mmbench import Question, by_chance, circular, evaluate_circular, predictions_of, read_predictions, score
from playground.mmbench import runs as module
from playground.mmbench.leaderboard import About, beside, board_csv, board_markdown, board_table, leaderboard
from playground.mmbench.published import PUBLISHED
from playground.mmbench.runs import Runs, default_folder, digest_of, reports
from playground.mmbench.taxonomy import l2_of
from playground.mmbench.verdicts import Verdict, mark_of

OPTIONS = (("A", "red cube"), ("B", "blue ball"), ("C", "green cone"), ("D", "grey ring"))
CATEGORIES = ("ocr", "image_style", "future_prediction", "spatial_relationship")


def asked(n=40, offset=0):
    found = []
    for i in range(n):
        category = CATEGORIES[i % 4]
        facts = {"category": category, "l2_category": l2_of(category), "split": "dev"}
        found.append(Question(offset + i, f"Which {i}?", OPTIONS, "ABCD"[i * 7 % 4], **facts))
    return found


def answers(questions, right=0.7):
    """Right in as many questions as that, the letter A elsewhere, and cut short where a rotation fails."""
    known = {one.index for one in questions if one.index % 10 < right * 10}
    found = {}
    for step in evaluate_circular(questions, lambda rows: [
        f"The answer is {one.answer if one.index % 1_000_000 in known else 'A'}." for one in rows
    ]):  # fmt: skip
        found |= dict(zip([one.index for one in step.asked], step.predictions, strict=True))
    return found


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path / "kept")


def keep(runs, name="one", right=0.7, questions=None, **more):
    questions = asked() if questions is None else questions
    given = answers(questions, right)
    report = score(given, list(circular(questions)))
    return runs.keep(name, "ours", questions, given, report, **more), report


@pytest.mark.parametrize("profile", ["robust", "vlmevalkit"])
def test_a_run_is_scored_again_as_it_was(runs, profile):
    questions = asked()
    given = answers(questions)
    before = score(given, list(circular(questions)), profile=profile)
    run = runs.keep("ours", "set", questions, given, before, calls=99, saved=21, seconds=1.5, judge="j")
    after = runs.report(run.id, profile)
    assert replace(after, name="") == before
    about, predictions = runs.open(run.id)
    assert about == run
    assert (run.calls, run.saved, run.seconds, run.judge, run.questions) == (99, 21, 1.5, "j", 40)
    assert run.scores["Overall"] == (before.overall.circular.value, before.overall.vanilla.value)
    assert {one.index: one.prediction for one in predictions.rows} == given
    assert [one.name for one in reports(runs, [run.id, run.id])] == ["ours", "ours"]


def test_what_was_not_answered_still_counts(runs):
    """A run that was stopped: the questions it did not come to are in its score, before and after."""
    questions = asked()
    given = {index: text for index, text in answers(questions).items() if index % 1_000_000 < 25}
    before = score(given, list(circular(questions)))
    run = runs.keep("stopped", "set", questions, given, before)
    assert replace(runs.report(run.id), name="") == before
    assert before.missing == 15
    assert len(runs.questions(run.id)) == 160


def test_a_file_with_its_own_answers(runs, tmp_path):
    rows = list(circular(asked(8)))
    path = tmp_path / "p.jsonl"
    path.write_text("".join(
        json.dumps({"index": one.index, "prediction": f"{one.answer} é\ud800", **dict(one.options),
                    "answer": one.answer, "category": one.category}) + "\n" for one in rows))  # fmt: skip
    given = read_predictions(path)
    before = score(given)
    run = runs.keep("file", "file", None, given, before)
    assert run.own
    after = runs.report(run.id)
    assert (after.rows, after.groups) == (before.rows, before.groups)


def test_a_prediction_that_is_there_twice(runs):
    questions = asked(4)
    given = predictions_of({one.index: "A" for one in questions})
    given = replace(given, rows=(*given.rows, replace(given.rows[0], prediction="B")))
    for profile in ("robust", "vlmevalkit"):
        before = score(given, questions, profile=profile)
        run = runs.keep("twice", "set", questions, given, before)
        assert runs.report(run.id, profile).groups == before.groups


def test_a_judges_verdicts_are_followed_again(runs):
    questions = asked(12)
    rows = list(circular(questions))
    given = {one.index: "Hm." if one.index % 1_000_000 % 3 else one.answer for one in rows}
    verdicts = {}
    for one in rows:
        if one.index % 1_000_000 % 3 == 1:
            mark = mark_of("Hm.", dict(one.options), "robust")
            verdicts[one.index] = Verdict(one.index, one.answer, "judge", judge="j", mark=mark)
    before = score(given, list(circular(questions)), verdicts=verdicts)
    assert before.judged is not None
    run = runs.keep("judged", "set", questions, given, before, judge="j", verdicts=verdicts)
    assert replace(runs.report(run.id), name="") == before
    other = runs.keep("rules", "set", questions, given, score(given, list(circular(questions))))
    found = runs.compare(other.id, run.id).comparison
    assert (found.name_a, found.name_b) == ("rules", "judged")
    assert found.difference.value == before.overall.circular.value - runs.report(other.id).overall.circular.value > 0
    (runs.folder / run.id / "verdicts.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match=r"the verdicts of run .* are damaged"):
        runs.report(run.id)


def test_a_table_is_still_read_as_one(runs):
    """The official toolkit reads what pandas makes of a table: where a prediction is empty, 3 is 3.0."""
    questions = [replace(one, options=(("A", "3.0"), ("B", "3"))) for one in asked(2)]
    questions = [replace(one, answer="A") for one in questions]
    given = replace(predictions_of({0: "3", 1: ""}), name="p.xlsx")
    before = score(given, questions, profile="vlmevalkit")
    run = runs.keep("table", "set", questions, given, before)
    after = runs.report(run.id, "vlmevalkit")
    assert after.name == "table"
    assert replace(after, name="p.xlsx") == before
    plain = runs.keep("lines", "set", questions, replace(given, name=""), before)
    assert runs.report(plain.id, "vlmevalkit").rows != after.rows


def test_listing_renaming_forgetting(runs):
    assert runs.list().runs == ()
    first, _ = keep(runs, "first")
    second, _ = keep(runs, "second")
    assert {one.id for one in runs.list().runs} == {first.id, second.id}
    assert runs.rename(first.id, " a  new name ").name == "a new name"
    assert runs.open(first.id)[0] == replace(first, name="a new name")
    runs.forget(second.id)
    assert [one.name for one in runs.list().runs] == ["a new name"]
    assert sorted(path.name for path in runs.folder.iterdir()) == [first.id]
    assert sorted(path.name for path in (runs.folder / first.id).iterdir()) == ["predictions.jsonl", "run.json"]


@pytest.mark.parametrize("damage", ["run", "list", "type", "rows", "line", "moved"])
def test_a_damaged_run_hides_no_other(runs, damage):
    good, _ = keep(runs, "good")
    bad, _ = keep(runs, "bad")
    folder = runs.folder / bad.id
    if damage == "run":
        (folder / "run.json").write_text((folder / "run.json").read_text()[:50])
    elif damage == "list":
        (folder / "run.json").write_text("[1]")
    elif damage == "type":
        (folder / "run.json").write_text((folder / "run.json").read_text().replace('"calls": 0', '"calls": "0"'))
    elif damage == "rows":
        (folder / "predictions.jsonl").unlink()
    elif damage == "line":
        with (folder / "predictions.jsonl").open("a") as file:
            file.write('{"index": 3')
    else:
        folder.rename(runs.folder / "elsewhere")
    found = runs.list()
    assert good.id in {one.id for one in found.runs}
    if damage != "line":  # told when it is opened, for a list does not read the rows
        assert [one.id for one in found.runs] == [good.id]
        assert len(found.damaged) == 1
    with pytest.raises(ValueError, match=r"damaged|no run"):
        runs.open(bad.id)
    if damage != "moved":
        runs.forget(bad.id)
        assert runs.list().damaged == ()


@pytest.mark.parametrize("run", ["", ".", "..", "../x", "a/b", "A", ".being-1", "x" * 81, "a\\b", "/etc", "é"])
def test_an_id_leads_nowhere_else(runs, run, tmp_path):
    keep(runs)
    (tmp_path / "x").mkdir()
    for call in (runs.open, runs.forget, lambda one: runs.rename(one, "n"), runs.report):
        with pytest.raises(ValueError, match="is no id of a run"):
            call(run)
    assert (tmp_path / "x").is_dir()


def test_a_link_is_not_followed(runs, tmp_path):
    run, _ = keep(runs)
    (runs.folder / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="no run 'link' is kept"):
        runs.forget("link")
    with pytest.raises(ValueError, match="no run 'gone' is kept"):
        runs.open("gone")
    assert runs.open(run.id)


def test_a_folder_that_is_full_says_so_and_drops_nothing(runs, monkeypatch):
    keep(runs)
    monkeypatch.setattr(module, "MOST_RUNS", 1)
    with pytest.raises(ValueError, match="1 runs are kept already: forget some first"):
        keep(runs)
    monkeypatch.setattr(module, "MOST_RUNS", 9)
    monkeypatch.setattr(module, "MOST_BYTES", 20_000)
    with pytest.raises(ValueError, match=r"the runs kept take 0 MB and this one 0\.0 MB, over the 0 MB allowed"):
        keep(runs)
    assert len(runs.list().runs) == 1


@pytest.mark.parametrize("name", ["", " \n", "x" * 121, "a\x00b", "a\u202eb"])
def test_a_name_that_is_none(runs, name):
    with pytest.raises(ValueError, match="a run's name has 1 to 120 characters"):
        keep(runs, name)


def test_nothing_is_left_of_a_run_that_could_not_be_written(runs, monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        keep(runs)
    assert list(runs.folder.iterdir()) == []


def test_the_digest_is_of_what_is_asked():
    questions = asked(6)
    assert digest_of(questions) == digest_of(circular(questions)) == digest_of(reversed(questions))
    for change in ({"question": "?"}, {"answer": "B"}, {"options": OPTIONS[:3]}, {"index": 77}):
        assert digest_of([replace(questions[0], **change), *questions[1:]]) != digest_of(questions)
    assert digest_of([replace(questions[0], picture=b"x"), *questions[1:]]) == digest_of(questions)


def test_runs_are_compared_on_what_both_were_asked(runs):
    questions = asked(40)
    a, one = keep(runs, "a", 0.5, questions)
    changed = [replace(q, question="Another?") if q.index < 3 else q for q in questions[:30]]
    b, _ = keep(runs, "b", 0.8, changed)
    found = runs.compare(a.id, b.id)
    assert found.differing == (0, 1, 2)
    assert found.comparison.n == 27
    assert (found.comparison.name_a, found.comparison.name_b) == ("a", "b")
    better = [i for i in range(3, 30) if i % 10 in (5, 6, 7)]
    assert found.comparison.only_b == tuple(better)
    assert found.comparison.only_a == ()
    assert found.comparison.not_in_b == tuple(range(30, 40))
    c, _ = keep(runs, "c", 0.8, [replace(q, answer="ABCD"["DABC".index(q.answer)]) for q in questions])
    with pytest.raises(ValueError, match="the two runs share no question: where their indices are the same"):
        runs.compare(a.id, c.id)
    d, _ = keep(runs, "d", 0.8, asked(5, offset=500))
    with pytest.raises(ValueError, match="the two reports share no question"):
        runs.compare(a.id, d.id)
    assert runs.compare(a.id, a.id).comparison.difference.value == 0
    assert one.overall.n == 40


def test_where_runs_are_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("PLAYGROUND_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_folder() == Path.home() / ".cache" / "playground" / "mmbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "playground" / "mmbench"
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / "mmbench" == Runs().folder


def test_the_leaderboard():
    rows = list(circular(asked(40)))
    made = [replace(score(answers(asked(40), right), rows), name=name)
            for name, right in (("worse", 0.4), ("same b", 0.7), ("same a", 0.7))]  # fmt: skip
    board = leaderboard(made, {"worse": About(1_000_000, "MIT")}, PUBLISHED[:1])
    assert [one.name for one in board] == ["Cosmos-Reason2-8B", "same a", "same b", "worse"]
    last = board[-1]
    assert (last.parameters, last.licence, last.n, last.profile) == (1_000_000, "MIT", 40, "robust")
    assert last.circular == made[0].overall.circular.value
    assert last.l2["logic_reasoning"] == made[0].find("logic_reasoning").circular.value
    assert last.l1["perception"] == made[0].find("perception").circular.value
    table = board_table(board)
    assert [len(line) for line in table] == [len(table[0])] * 5
    assert table[0][9:17] == ["CP", "FP-S", "FP-C", "AR", "RR", "LR", "Perception", "Reasoning"]
    best = made[0].overall
    shares = (best.circular.value, best.circular.low, best.circular.high, best.vanilla.value, best.gap.value)
    assert table[-1][4:9] == [round(share * 100, 1) for share in shares]
    mixed = [made[0], score(answers(asked(40)), rows, profile="vlmevalkit")]
    with pytest.raises(ValueError, match="the reports are by robust and vlmevalkit: score all by the same profile"):
        leaderboard(mixed)
    assert leaderboard([]) == []


def test_the_board_in_text():
    bad = replace(beside(PUBLISHED[0]), name="=1+1|<b>", source="@x")
    lines = list(csv.reader(io.StringIO(board_csv([bad]))))
    assert lines[1][0] == "'=1+1|<b>"
    assert lines[1][-1] == "'@x"
    assert lines[1][3] == ""
    text = board_markdown([bad])
    assert "=1+1\\|&lt;b>" in text
    assert {line.replace("\\|", "").count("|") for line in text.strip().splitlines()} == {20}


def test_chance_is_cut_short_and_kept(runs):
    """As the tab does it: steps, then predictions by index, then kept."""
    questions = asked(20)
    found, last = {}, None
    for last in evaluate_circular(questions, by_chance()):
        found |= dict(zip([one.index for one in last.asked], last.predictions, strict=True))
    report = score(found, list(circular(questions)))
    run = runs.keep("chance", "ours", questions, found, report, calls=last.calls, saved=last.saved)
    assert runs.report(run.id).groups == report.groups
    assert run.calls + run.saved == 80


def test_an_answer_to_no_question_makes_no_rotations(runs):
    """A run of the questions as they stand, whose file has one row more: its score stays."""
    questions = asked(4)
    given = {one.index: one.answer for one in questions} | {99_999: "A"}
    run = runs.keep("vanilla", "set", questions, given, score(given, questions))
    assert runs.report(run.id).overall.circular.value == 1


def test_a_run_that_another_process_is_deleting_keeps_no_other_out(runs, monkeypatch):
    """Its folder is still listed, and gone when it is measured."""
    gone = runs.folder / "gone"
    monkeypatch.setattr(Runs, "_folders", lambda _: iter([gone]))
    run, _ = keep(runs)
    monkeypatch.undo()
    assert [one.id for one in runs.list().runs] == [run.id]
