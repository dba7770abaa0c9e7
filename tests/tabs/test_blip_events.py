"""The BLIP tab without a browser: captions, matches, answers, a set cleaned with Stop and resume, files, endpoints."""

import csv
import io
import json
import tarfile
import threading
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from endpoints_of import encoded, endpoints_of
from saved_pictures import saved

from playground import blip, catalog, world
from playground.i18n import TEXTS
from playground.tabs.blip import api, ask, boot, caption, clean, downloads, match
from playground.tabs.blip.settings import Settings
from playground.tabs.pictures import EXAMPLES, example
from playground.world.figures import pictures_of

GO = threading.Event  # a flag that nobody has set
SEEDS = range(900_810_000, 900_810_006)
WRONG = "four small cyan objects"


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Sets are cleaned in a folder of the test's own."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))


def a_set(path, *, columns=("uid", "image", "text", "truth", "description"), damaged=False, folder=""):
    """A zip of six still lifes: the first half of the texts are true."""
    scenes = [world.sample(seed, objects=1) for seed in SEEDS]
    table = io.StringIO()
    lines = csv.writer(table)
    lines.writerow(columns)
    for i, scene in enumerate(scenes):
        text = world.describe(scene) if i < 3 else WRONG
        lines.writerow([str(i), f"{i}.png", text, int(i < 3), world.describe(scene)][: len(columns)])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{folder}captions.csv", table.getvalue())
        for i, picture in enumerate(pictures_of(scenes, 64)):
            archive.writestr(f"{folder}{i}.png", b"no picture" if damaged and i == 5 else saved(picture))
        archive.writestr(f"{folder}notes.txt", "left out")
    return str(path)


def cleaned(manager, settings, files, stop=None):
    *_, (frame, made) = clean.run(manager, settings, files, stop or GO(), "en")
    return frame, made


def test_captions_of_every_strategy(manager):
    settings = Settings(example=EXAMPLES[7])
    *bars, (frame, made) = caption.show(manager, settings, GO(), "en")
    assert len(bars) == 5
    assert [line.strategy for line in made.lines] == ["greedy", "beam", *["nucleus"] * caption.DRAWS]
    with manager.lease(catalog.blip_spec("blip-world")) as model:
        wanted = blip.caption(model, [example(EXAMPLES[7])], "greedy")
    assert [made.lines[0].text] == wanted
    assert "purple" in made.lines[0].text
    assert frame["captions"].count("<tr>") == 5
    assert frame["looks"].count("<figure") == len(made.lines[1].words)
    assert len(frame["tree"].data[1].x) >= 3 * (len(made.lines[1].words) - 1)  # what was taken, edge by edge
    chinese = Settings(example=EXAMPLES[7], prompt="图片：", looked="greedy")
    *_, (frame, made) = caption.show(manager, chinese, GO(), "zh-CN")
    assert "紫色" in made.lines[0].text
    assert "贪心" in frame["captions"]


def test_stop_ends_captions(manager):
    flag = GO()
    frames = caption.show(manager, Settings(), flag, "en")
    next(frames)
    flag.set()
    (frame, made), *more = frames
    assert made is None
    assert "Stopped" in frame["progress"]
    assert not more


def test_matches_and_where_the_heads_disagree(manager):
    ((frame, made),) = match.show(
        manager, Settings(example=EXAMPLES[1], texts="a yellow sphere\na red cube"), GO(), "en"
    )
    share = made.matches.probability[0]
    assert share[0] > 0.5 > share[1]
    assert "1 of 2 texts match" in frame["match_verdict"]
    assert frame["match_looks"].count("<figure") == 3
    found = blip.Matches(np.array([[0.9, 0.1]]), np.zeros((1, 2, 2)), np.array([[0.2, 0.3]]))
    told = match._verdict(["a_b", "c"], found, "en")
    assert "“c” has the higher cosine (0.300 against 0.200 of “a\\_b”)" in told
    assert "10% against 90%" in told
    alike = blip.Matches(np.array([[0.9, 0.1]]), np.zeros((1, 2, 2)), np.array([[0.3, 0.2]]))
    assert "orders them alike" in match._verdict(["a", "b"], alike, "en")
    ((frame, _),) = match.show(manager, Settings(texts="...\na red cube"), GO(), "en")  # nothing to look at
    assert "no words" in frame["match_looks"]


def test_answers_beside_the_truth(manager):
    settings = Settings(example=EXAMPLES[5])
    questions = ask.suggested(settings, "en")
    assert 2 <= len(questions.splitlines()) <= 6
    truth = {one.text: one.options[one.answer] for one in world.questions(world.sample(EXAMPLES[5]))}
    *_, (frame, made) = ask.show(manager, Settings(example=EXAMPLES[5], questions=questions), GO(), "en")
    for question, own, line in zip(made.questions, made.answers, frame["answer_verdict"].splitlines(), strict=True):
        assert ("✓" in line) == (own[0].text == truth[question].lower())
        assert ("✓" in line) != ("✗" in line)
    assert "？" in ask.suggested(settings, "zh-CN")


def test_a_set_is_cleaned_and_decided_again(manager, tmp_path):
    files = [a_set(tmp_path / "a.zip", damaged=True, folder="inside/")]
    settings = Settings(candidates=2)
    frame, made = cleaned(manager, settings, files)
    assert len(made.scored) == 5 * 3 + 1
    assert len(made.thumbnails) == 5
    verdict = frame["clean_verdict"]
    for words in ("6 of 6 pairs", "1 other files", "1 pictures could not be read; the first: 5", "Against the truth"):
        assert words in verdict
    web = {one.uid: one.kept for one in blip.decide_all(lambda: made.scored, settings.kept_by) if one.source == "web"}
    assert web == {"0": True, "1": True, "2": True, "3": False, "4": False, "5": False}
    assert "100.0% are true (precision), and 100.0%" in verdict
    everything = clean.decide(made, Settings(threshold=0.0), "all", "en")
    assert "Kept: 5 of 6 texts of the web" in everything["clean_verdict"]
    assert everything["pairs"].count("<figure") == 5
    dropped = clean.decide(made, settings, "web", "en")
    assert dropped["pairs"].count("<figure") == 2
    assert WRONG in dropped["pairs"]
    wrong = clean.decide(made, Settings(threshold=0.0), "wrong", "en")["pairs"]
    assert wrong.count("<figure") >= 2
    for kind in clean.KINDS:
        if kind != "npy":
            path = Path(clean.write(kind, made, settings, tmp_path))
            assert path.stat().st_size > 100
            assert path.suffix == f".{kind}"
    with pytest.raises(ValueError, match="32 hexadecimal"):
        clean.write("npy", made, settings, tmp_path)
    shard = Path(clean.write("tar", made, settings, tmp_path))
    with tarfile.open(shard) as archive:
        assert sum(name.endswith(".png") for name in archive.getnames()) >= 3
    report = json.loads(Path(clean.write("json", made, settings, tmp_path)).read_text("utf-8"))
    assert report["pairs"] == 6


def test_stop_keeps_what_is_done_and_the_same_set_goes_on(manager, tmp_path, monkeypatch):
    monkeypatch.setattr(clean, "PART", 2)
    files, flag = [a_set(tmp_path / "a.zip")], GO()
    whole_frame, whole = cleaned(manager, Settings(seed=1), files)
    frames = clean.run(manager, Settings(), files, flag, "en")
    for frame, _ in frames:
        if "2 of 6 pairs" in frame["progress"]:
            flag.set()
            break
    *_, (frame, made) = frames
    assert "Stopped after 2 of 6 pairs" in frame["clean_verdict"]
    assert len(made.scored) == 4
    frames = list(clean.run(manager, Settings(), files, GO(), "en"))
    assert "2 of 6 pairs are there already" in frames[1][0]["progress"]
    assert len(frames[-1][1].scored) == 12
    assert len(frames[-1][1].thumbnails) == 6
    assert "6 of 6 pairs cleaned" in whole_frame["clean_verdict"]
    assert whole.folder != frames[-1][1].folder  # another seed writes other texts


def test_a_clip_beside_and_its_rules(manager, tmp_path):
    settings = Settings(scorer="clip-world", rule="share", share=0.5, candidates=0)
    _, made = cleaned(manager, settings, [a_set(tmp_path / "a.zip")])
    kept = {one.uid for one in blip.decide_all(lambda: made.scored, settings.kept_by) if one.kept}
    assert kept == {"0", "1", "2"}


def test_what_is_no_set_is_refused_without_the_servers_paths(manager, tmp_path):
    wrong = a_set(tmp_path / "wrong.zip", columns=("uid", "picture"))
    with pytest.raises(ValueError, match="has the columns uid, picture; one for the image must be called") as caught:
        cleaned(manager, Settings(), [wrong])
    assert str(tmp_path) not in str(caught.value)
    alone = tmp_path / "picture.png"
    example(EXAMPLES[0]).save(alone)
    with pytest.raises(ValueError, match="upload"):
        cleaned(manager, Settings(), [str(alone)])
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("../evil.png", "x")
    with pytest.raises(ValueError, match="leads out of it"):
        cleaned(manager, Settings(), [str(bad)])
    files = [a_set(tmp_path / "a.zip")]
    first = clean.run(manager, Settings(), files, GO(), "en")
    next(first)
    next(first)
    with pytest.raises(ValueError, match="being cleaned already"):
        cleaned(manager, Settings(), files)
    first.close()
    assert cleaned(manager, Settings(), files)[1].total == 6


def test_the_example_set_is_half_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PAIRS", 12)
    monkeypatch.setattr(downloads, "SIDE", 32)
    path, again = (Path(downloads.example_set(tmp_path)) for _ in range(2))
    assert path.read_bytes() == again.read_bytes()  # so that an interrupted run is found again
    with zipfile.ZipFile(path) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("captions.csv").decode())))
        assert len(archive.namelist()) == 13
    assert sum(row["truth"] == "1" for row in rows) == 6
    assert {row["kind"] for row in rows} == {"true", "another's", "attribute", "junk"}


def test_files_of_every_panel(manager, tmp_path):
    *_, (_, captioned) = caption.show(manager, Settings(), GO(), "en")
    *_, (_, asked) = ask.show(manager, Settings(questions="how many objects are there?"), GO(), "en")
    ((_, matched),) = match.show(manager, Settings(), GO(), "en")
    for panel, result, count in (
        ("caption", captioned, 5),
        ("match", matched, 7),
        ("ask", asked, len(asked.answers[0])),
    ):
        with Path(downloads.write("csv", panel, result, tmp_path)).open(encoding="utf-8-sig", newline="") as file:
            assert len(list(csv.DictReader(file))) == count
        assert len(json.loads(Path(downloads.write("json", panel, result, tmp_path)).read_text("utf-8"))) == count
    with pytest.raises(ValueError, match="nothing to save"):
        downloads.write("csv", "clean", None, tmp_path)


def test_bootstrapping_shows_every_arm(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    monkeypatch.setattr(boot, "RESULTS", path)
    assert "playground bootstrap" in boot.show("en")["boot_verdict"]
    with pytest.raises(ValueError, match="nothing to save"):
        downloads.write("csv", "boot", None, tmp_path)
    grade = {"precision": 0.96, "recall": 0.9, "before": 0.4, "after": 0.75}
    seeds = [
        {
            "seed": seed,
            "cleaning": {"grade": grade, "auc": 0.98},
            "arms": {
                arm: dict.fromkeys(boot.MEASURES, 0.1 * i + 0.02 * seed) for i, arm in enumerate(("noisy", "both"))
            },
            "pairs": {"noisy": 5000, "both": 6000},
        }
        for seed in range(2)
    ]
    path.write_text(json.dumps({"plan": {"clean": 70}, "seeds": seeds}))
    for language in ("en", "zh-CN"):
        frame = boot.show(language)
        assert [row["cells"][1:3] for row in frame["arms_table"]["rows"]] == [["5,000", "1.0%"], ["6,000", "11.0%"]]
        assert [round(float(x), 3) for x in frame["arms"].data[0].x] == [0.01, 0.11]
        assert "96.0%" in frame["boot_verdict"]
    english = boot.show("en")
    assert "right in 10.0 points more" in english["boot_verdict"]
    assert f"“{TEXTS['en']['blip.arm.both']}” with 11.0%. Means of 2 seeds" in english["boot_verdict"]
    assert "beside 70 clean pairs" in english["arms_table"]["columns"][0]["label"]
    saved = json.loads(Path(downloads.write("json", "boot", None, tmp_path)).read_text("utf-8"))
    assert [(row["arm"], row["seed"]) for row in saved] == [("noisy", 0), ("both", 0), ("noisy", 1), ("both", 1)]


@pytest.fixture
def endpoints(manager, monkeypatch):
    return endpoints_of(api, manager, monkeypatch)


def test_endpoints(endpoints):
    picture = encoded(example(EXAMPLES[1]))
    told = endpoints["caption"](picture)
    assert "yellow" in told["caption"]
    assert len(told["tokens"]) <= len(told["log_probabilities"])
    found = endpoints["match"](picture, ["a yellow sphere", "a red cube"])
    assert found[0]["probability"] > found[1]["probability"]
    (answered,) = endpoints["answer"](picture, ["how many objects are there?"])
    assert answered["answer"] == answered["alternatives"][0]["text"]
    rows = endpoints["clean"]([picture], ["a red cube"], candidates=1)
    assert next((row["source"], row["kept"]) for row in rows) == ("web", False)
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("caption", {"image": "?"}, "data URL or base64"),
        ("caption", {"strategy": "best"}, "strategy must be one of"),
        ("caption", {"model": "gpt"}, "captioner must be one of"),
        ("match", {"texts": []}, "texts must be 1 to 24"),
        ("answer", {"questions": ["a\nb"]}, "questions must be 1 to 6"),
        ("clean", {"texts": ["a", "b"]}, "images must be 1 to 64, each with a text, not 1 and 2"),
        ("clean", {"threshold": 2}, "threshold must lie between 0 and 1"),
    ],
)
def test_endpoints_refuse(endpoints, name, given, words):
    picture = encoded(example(EXAMPLES[1]))
    usual = {
        "caption": {"image": picture}, "match": {"image": picture, "texts": ["a"]},
        "answer": {"image": picture, "questions": ["a"]}, "clean": {"images": [picture], "texts": ["a"]},
    }[name]  # fmt: skip
    with pytest.raises(gr.Error, match=words):
        endpoints[name](**usual | given)
