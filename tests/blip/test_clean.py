"""A set is cleaned in parts: the same as in one go after a kill; decided again, reported."""

import errno
import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from small_blip import captioner_and_filter
from small_sets import lay_set

from playground import blip
from playground.blip.clean import by_pair, clean, decisions
from playground.blip.report import page, report
from playground.blip.rules import Rule
from playground.blip.sets import open_set

LIMITS = blip.Limits(12, 6)
COUNT = 23


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return captioner_and_filter(tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    texts = ["a red cube", "the ball", "blue"]
    rows = [{"image": f"{i}.png", "text": texts[i % 3], "uid": f"{i:032x}"} for i in range(COUNT)]
    return lay_set(tmp_path_factory.mktemp("set"), rows, damaged=7)


def run(source, out, models, **options):
    return list(clean(open_set(source), out, *models, **{"limits": LIMITS, "part": 5, "candidates": 2} | options))


def contents(folder):
    return b"".join(path.read_bytes() for path in sorted(Path(folder).glob("part-*.jsonl")))


def no_space():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fill_disk(monkeypatch, room, then=no_space):
    """Let only so many bytes be written in files that appear whole, and what happens then."""
    real = tempfile.NamedTemporaryFile

    def make(**options):
        file = real(**options)
        write = file.write

        def write_some(content):
            nonlocal room
            fitting = content[:room]
            room -= len(fitting)
            write(fitting)
            if len(fitting) < len(content):
                file.flush()
                then()

        file.write = write_some
        return file

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", make)


def test_all_texts_once_in_order(source, models, tmp_path):
    told = run(source, tmp_path / "out", models)
    assert [one.done for one in told] == [0, 5, 10, 15, 20, COUNT]
    assert told[-1].total == COUNT
    assert told[-1].unread == 1
    found = list(decisions(tmp_path / "out"))
    assert {(one.width, one.height) for one in found if not one.error} == {(40, 30)}
    assert all(one.file == f"{int(one.uid, 16)}.png" for one in found)
    assert Counter(one.uid for one in found) == {f"{i:032x}": 1 if i == 7 else 3 for i in range(COUNT)}
    assert told[-1].told == Counter(one.source for one in found)
    assert told[-1].kept == {s: sum(one.kept for one in found if one.source == s) for s in ("web", "written")}
    wanted = blip.capfilt(open_set(source), *models, limits=LIMITS, candidates=2)
    for a, b in zip(found, wanted, strict=True):
        assert (a.uid, a.text, a.source, a.kept) == (b.uid, b.text, b.source, b.kept)


def test_a_stopped_run_goes_on(source, models, tmp_path):
    whole = run(source, tmp_path / "whole", models)
    steps = clean(open_set(source), tmp_path / "out", *models, limits=LIMITS, part=5, candidates=2)
    next(steps), next(steps), next(steps)
    steps.close()
    (tmp_path / "out" / "tmpabc").write_text("half a part")  # what a kill may leave of a write
    rest = run(source, tmp_path / "out", models)
    assert rest[0].done == 10
    assert rest[0].fresh == 0
    assert rest[-1].fresh == 13
    assert rest[-1].kept == whole[-1].kept
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert [one.done for one in run(source, tmp_path / "out", models)] == [COUNT]  # done is done


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_killed_at_any_time_nothing_is_lost_or_done_twice(source, models, tmp_path, monkeypatch):
    """Killed in the middle of a part, again and again, until all is done."""
    run(source, tmp_path / "whole", models, part=2)
    room = int(2.3 * max(path.stat().st_size for path in (tmp_path / "whole").iterdir()))
    fill_disk(monkeypatch, room, lambda: os.kill(os.getpid(), signal.SIGKILL))
    ends = []
    while not ends or ends[-1] == -signal.SIGKILL:
        process = multiprocessing.get_context("fork").Process(
            target=run, args=(source, tmp_path / "out", models), kwargs={"part": 2}
        )
        process.start()
        process.join(60)
        ends.append(process.exitcode)
    assert ends[-1] == 0
    assert len(ends) > 3
    assert len(list((tmp_path / "out").glob("tmp*"))) == len(ends) - 1  # halves of parts, which are nobody's
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_another_job_and_a_folder_of_others_are_refused(source, models, tmp_path):
    run(source, tmp_path / "out", models)
    with pytest.raises(ValueError, match="holds another job, which differs in seed"):
        run(source, tmp_path / "out", models, seed=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="is not empty, and holds no job"):
        run(source, tmp_path / "full", models)
    assert (tmp_path / "full" / "letter.txt").read_text() == "dear"
    shorter = open_set(source)
    with pytest.raises(ValueError, match="which differs in total"):
        list(clean(blip.sets.PairSet(shorter.kind, shorter.source, 3, lambda: iter(list(shorter)[:3])),
                   tmp_path / "out", *models, limits=LIMITS, part=5, candidates=2))  # fmt: skip
    for options, words in (({"threshold": 2}, "threshold must lie"), ({"part": 0}, "part must be at least 1")):
        with pytest.raises(ValueError, match=words):
            run(source, tmp_path / "new", models, **options)


def test_a_set_that_has_changed_and_a_part_that_is_gone_are_refused(source, models, tmp_path):
    import shutil

    own = tmp_path / "set"
    shutil.copytree(source, own)
    run(own, tmp_path / "out", models)
    rows = (own / "captions.jsonl").read_text().splitlines()
    (own / "captions.jsonl").write_text("\n".join([*rows[:-2], rows[-1], rows[-2]]) + "\n")
    with pytest.raises(ValueError, match="has others there: it is another set"):
        run(own, tmp_path / "out", models)
    (own / "captions.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "out" / "part-000002.jsonl").unlink()
    with pytest.raises(ValueError, match=r"a part of .* is missing"):
        run(own, tmp_path / "out", models)


def test_what_cannot_be_leaves_no_job(source, models, tmp_path):
    for options, words in (({"top_p": 2.0}, "top_p must lie"), ({"limits": blip.Limits(3, 1)}, "leaves no room")):
        with pytest.raises(ValueError, match=words):
            run(source, tmp_path / "out", models, **options)
    assert not (tmp_path / "out").exists()


def test_several_texts_of_a_picture(source, models, tmp_path):
    own = tmp_path / "set"
    own.mkdir()
    (own / "0.png").write_bytes((source / "0.png").read_bytes())
    (own / "captions.csv").write_text("image,text\n0.png,a ball\n0.png,a red cube\n0.png,blue\n")
    run(own, tmp_path / "out", models)
    told = report(tmp_path / "out")
    assert (told["pairs"], told["unread"]) == (3, 0)
    written = [one.text for one in decisions(tmp_path / "out") if one.source == "written"]
    assert len(set(written)) > 2  # each pair has draws of its own


def test_a_full_disk_stops_the_run_and_it_goes_on_later(source, models, tmp_path, monkeypatch):
    run(source, tmp_path / "whole", models)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "whole").iterdir())]  # the job's, then the parts'
    fill_disk(monkeypatch, sum(sizes[:3]) + sizes[3] // 2)
    told = []
    with pytest.raises(OSError, match="No space left"):
        told.extend(one.done for one in clean(open_set(source), tmp_path / "out", *models, limits=LIMITS, part=5,
                                              candidates=2))  # fmt: skip
    monkeypatch.undo()
    assert told == [0, 5, 10]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "job.json", "part-000000.jsonl", "part-000001.jsonl",
    ]  # fmt: skip
    assert run(source, tmp_path / "out", models)[0].done == 10
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_rule_decides_what_is_counted_and_told(source, models, tmp_path):
    def scorer(images, texts):
        return np.array([image.width * len(text) / 1000 for image, text in zip(images, texts, strict=True)])

    rules = (Rule("clip", 0.3), Rule("clip", top_share=0.3), Rule(threshold=0.4, basic=True))
    for rule in rules:
        told = run(source, tmp_path / "out", models, scorer=scorer, rule=rule)
        found = list(decisions(tmp_path / "out", rule=rule))
        counted = {s: sum(one.kept for one in found if one.source == s) for s in ("web", "written")}
        assert told[-1].kept == ({} if rule.top_share else counted)  # a share is known at the end
        by_rule = report(tmp_path / "out", rule=rule)
        assert {name: count["kept"] for name, count in by_rule["texts"].items()} == counted
        assert by_rule["rule"]["by"] == rule.by
        for source_name in ("web", "written"):
            scores = [one.clip if rule.by == "clip" else one.probability for one in found
                      if one.kept and one.source == source_name]  # fmt: skip
            assert by_rule["least score kept"][source_name] == min(scores, default=None)
        for name, counts in by_rule["failing"].items():
            assert sum(counts.values()) == sum(name in one.failed for one in found)
        assert by_rule["failing"]["unread"] == {"web": 1, "written": 0}
        assert ("side" in by_rule["failing"]) == rule.basic
    assert by_rule["failing"]["side"]["web"] == COUNT - 1  # pictures of 40 x 30
    assert "DataComp's basic rules" in page(by_rule)
    share = [one for one in decisions(tmp_path / "out", rule=rules[1]) if one.kept]
    assert Counter(one.source for one in share) == {"web": 6, "written": 13}  # of 22 and 44


def test_a_scorer_alone_can_judge(source, models, tmp_path):
    def scorer(_, texts):
        return np.arange(len(texts)) / 100

    (captioner, _), rule = models, Rule("clip", threshold=0.01)
    told = run(source, tmp_path / "out", (captioner, None), scorer=scorer, rule=rule)
    found = [one for one in decisions(tmp_path / "out", rule=rule) if not one.error]
    assert told[-1].told["written"] == 2 * (COUNT - 1)
    assert all(one.probability is None and one.cosine is None and one.kept == (one.clip >= 0.01) for one in found)
    assert report(tmp_path / "out", rule=rule)["texts"]["web"]["kept"] > 0
    with pytest.raises(ValueError, match="have no probability of a match"):
        list(decisions(tmp_path / "out"))
    with pytest.raises(ValueError, match="there is no filter to decide by"):
        run(source, tmp_path / "out", (captioner, None), scorer=scorer)
    with pytest.raises(ValueError, match="there is no scorer to decide by"):
        run(source, tmp_path / "new", models, rule=rule)
    with pytest.raises(ValueError, match="nothing judges the texts"):
        blip.score_pairs([], captioner, None)
    with pytest.raises(ValueError, match="differs in filter"):
        run(source, tmp_path / "out", models, scorer=scorer, rule=rule)


def test_what_is_kept_of_empty_and_of_very_long_texts(source, models, tmp_path):
    own = tmp_path / "set"
    own.mkdir()
    (own / "0.png").write_bytes((source / "0.png").read_bytes())
    long = "red cube " * 5000
    (own / "captions.csv").write_text(f"image,text\n0.png,\n0.png,{long}\n0.png\n0.png, !\n")
    run(own, tmp_path / "out", models, threshold=0.0)
    web = [one for one in decisions(tmp_path / "out", 0.0) if one.source == "web"]
    assert [one.text for one in web] == ["", long, "", " !"]
    assert [one.failed for one in web] == [("wordless",), (), ("wordless",), ("wordless",)]
    told = report(tmp_path / "out", 0.0)
    assert told["failing"]["wordless"]["web"] == 3
    assert long in {one["text"] for one in told["samples"]["kept"]}
    assert long not in page(told)


def test_a_report(source, models, tmp_path):
    run(source, tmp_path / "out", models)
    found = report(tmp_path / "out", 0.5)
    json.dumps(found)
    assert (found["pairs"], found["unread"]) == (COUNT, 1)
    for source_name, count in (("web", COUNT - 1), ("written", 2 * (COUNT - 1))):
        assert sum(found["texts"][source_name].values()) == sum(found["histogram"][source_name]) == count
        scores = [one.probability for one in decisions(tmp_path / "out") if one.source == source_name and not one.error]
        assert np.histogram(scores, found["edges"])[0].tolist() == found["histogram"][source_name]
    kept = sum(found["texts"][name]["kept"] for name in ("web", "written"))
    assert kept == sum(one.kept for one in decisions(tmp_path / "out"))
    sources = [{one.source for one in own if one.kept} for own in by_pair(decisions(tmp_path / "out"))]
    assert found["only what was written kept"] == sources.count({"written"})
    assert sources.count({"web"}) != sources.count({"written"}) != sources.count({"web", "written"})
    assert all(one["probability"] >= 0.5 for one in found["samples"]["kept"])
    assert found["samples"]["unread"][0]["uid"] == f"{7:032x}"
    found["samples"]["kept"][0]["text"] = "<script>alert(1)</script>"
    told = page(found)
    assert "<script>" not in told
    assert "&lt;script&gt;" in told
    assert told.count("<tr><td>") == 2 + 3 + len(found["samples"]["kept"]) + len(found["samples"]["dropped"])
    assert "<li>7.png: " in told
    assert report(tmp_path / "out", 1.0)["texts"]["web"]["kept"] <= found["texts"]["web"]["kept"]
