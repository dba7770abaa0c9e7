"""Labelling of many pictures: the same answers as one by one, threads that end, a journal that survives kill -9."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_words import lay_pictures, small_words_clip

from playground import clip
from playground.pictures import find_pictures, read_image

LABELS = ["red", "green ball", "blue"]
TEMPLATES = ["a photo of a {}", "{}"]


@pytest.fixture(scope="module")
def model():
    return small_words_clip()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Thirty pictures, the fifth and the last of them damaged, and one that is none."""
    folder = lay_pictures(tmp_path_factory.mktemp("pictures"), 30)
    files = find_pictures(folder)
    files[4].path.write_bytes(files[4].path.read_bytes()[:60])
    files[29].path.write_bytes(b"no picture")
    return files


class Counting:
    """A picture file that counts how often it is read, and that may wait before."""

    def __init__(self, file, wait=None):
        self.file, self.wait, self.reads = file, wait, 0
        self.name, self.folder = file.name, file.folder

    def read(self):
        self.reads += 1
        if self.wait is not None:
            assert self.wait.wait(60)
        return self.file.read()


def same(results, others):
    assert [(r.name, r.folder, r.index, r.label, r.error) for r in results] == [
        (r.name, r.folder, r.index, r.label, r.error) for r in others
    ]
    for one, other in zip(results, others, strict=True):
        assert_allclose(one.cosines, other.cosines, rtol=0, atol=1e-6)
        assert_allclose(one.probabilities, other.probabilities, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (4, 3), (64, 2)])
def test_the_answers_are_those_of_zero_shot(model, pictures, batch_size, workers):
    results = list(clip.label_pictures(model, pictures, LABELS, TEMPLATES, batch_size=batch_size, workers=workers))
    assert [r.name for r in results] == [file.name for file in pictures]
    read = [i for i in range(30) if i not in (4, 29)]
    expected = clip.zero_shot(model, [read_image(pictures[i].read()) for i in read], LABELS, TEMPLATES)
    assert_allclose(np.stack([results[i].cosines for i in read]), expected.cosines, rtol=0, atol=1e-6)
    assert_allclose(np.stack([results[i].probabilities for i in read]), expected.probabilities, rtol=0, atol=1e-5)
    assert [results[i].index for i in read] == expected.probabilities.argmax(1).tolist()
    assert len({results[i].index for i in read}) > 1, "a model that gives one label would hide an order that is wrong"
    assert all(results[i].label == LABELS[results[i].index] for i in read)
    for i, words in ((4, "damaged"), (29, "no picture of a format")):
        assert words in results[i].error
        assert (results[i].index, results[i].label, results[i].probabilities.size) == (None, "", 0)


def test_a_head_made_before(model, pictures, tmp_path):
    plain = list(clip.label_pictures(model, pictures, LABELS))
    *_, head = clip.classifier_head(model, LABELS)
    same(list(clip.label_pictures(model, pictures, LABELS, weights=head.weights)), plain)
    path = tmp_path / "journal"
    same(list(clip.label_pictures(model, pictures, LABELS, weights=head.weights, journal=path)), plain)
    same(list(clip.label_pictures(model, pictures, LABELS, weights=head.weights + 1e-9, journal=path)), plain)
    with pytest.raises(clip.JournalError):
        list(clip.label_pictures(model, pictures, LABELS, weights=-head.weights, journal=path))
    with pytest.raises(ValueError, match="weights must have the shape"):
        list(clip.label_pictures(model, pictures, LABELS, weights=head.weights[:1]))


def test_a_margin_leaves_the_unsure_without_a_label(model, pictures):
    plain = list(clip.label_pictures(model, pictures, LABELS))
    leads = [float(np.diff(np.sort(r.probabilities)[-2:])[0]) for r in plain if not r.error]
    margin = float(np.median(leads))
    unsure = [r.index is None for r in clip.label_pictures(model, pictures, LABELS, margin=margin) if not r.error]
    assert unsure == [lead < margin for lead in leads]
    assert 0 < sum(unsure) < len(leads)
    assert all(r.label == "red" for r in clip.label_pictures(model, pictures[:3], ["red"], margin=0.5))


def test_closing_stops_the_workers_at_once(model, pictures):
    """The look-ahead is bounded; when it is closed, what has not begun is never read, and no thread is left."""
    gate = threading.Event()
    files = [Counting(file) for file in pictures[:4]] + [Counting(pictures[i % 4], gate) for i in range(200)]
    steps = clip.label_pictures(model, files, LABELS, batch_size=4, workers=2)
    next(steps)
    limit = time.monotonic() + 60
    while sum(file.reads for file in files) < 6 and time.monotonic() < limit:  # each worker has one, and waits
        time.sleep(0.001)
    threading.Timer(0.1, gate.set).start()
    steps.close()
    assert sum(file.reads for file in files) == 6
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("label")]


def test_the_look_ahead_is_bounded(model, pictures):
    files = [Counting(pictures[i % 4]) for i in range(200)]
    steps = clip.label_pictures(model, files, LABELS, batch_size=4, workers=2)
    for _ in range(5):
        next(steps)
    steps.close()
    assert sum(file.reads for file in files) <= 8 + 2 * 4 + 2, "two batches encoded, two ahead, and the workers' own"


def test_decoding_goes_on_while_a_batch_is_encoded(model, pictures, monkeypatch):
    """The second batch is read whole before the first is encoded to its end: a plain loop would wait for ever."""
    files = [Counting(file) for file in pictures[:4] * 3]
    encode = type(model).encode_image

    def slow(self, batch):
        limit = time.monotonic() + 60
        while sum(file.reads for file in files[4:8]) < 4:
            assert time.monotonic() < limit, "nothing is read while a batch is encoded"
            time.sleep(0.001)
        return encode(self, batch)

    monkeypatch.setattr(type(model), "encode_image", slow)
    assert len(list(clip.label_pictures(model, files, LABELS, batch_size=4))) == 12


def test_a_journal_is_gone_on_with(model, pictures, tmp_path):
    whole = list(clip.label_pictures(model, pictures, LABELS, TEMPLATES))
    for after in (1, 5, 29, 30):
        path = tmp_path / f"{after}" / "j.jsonl"
        steps = clip.label_pictures(model, pictures, LABELS, TEMPLATES, journal=path, batch_size=4)
        for _ in range(after):
            next(steps)
        steps.close()
        assert len(path.read_bytes().splitlines()) == 1 + after
        files = [Counting(file) for file in pictures]
        same(list(clip.label_pictures(model, files, LABELS, TEMPLATES, journal=path, batch_size=4)), whole)
        assert [file.reads for file in files] == [0] * after + [1] * (30 - after)
    exact = list(clip.label_pictures(model, pictures, LABELS, TEMPLATES, batch_size=4))
    again = list(clip.label_pictures(model, pictures, LABELS, TEMPLATES, journal=path, batch_size=4))
    assert all(one.cosines.tobytes() == other.cosines.tobytes() for one, other in zip(again, exact, strict=True))


def test_a_torn_line_is_dropped_wherever_it_is_torn(model, pictures, tmp_path):
    path = tmp_path / "j.jsonl"
    whole = list(clip.label_pictures(model, pictures, LABELS, journal=path))
    content = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    for cut in (0, 1, ends[0] - 1, ends[0], ends[0] + 5, ends[7] - 1, ends[7], len(content) - 1):
        path.write_bytes(content[:cut])
        files = [Counting(file) for file in pictures]
        same(list(clip.label_pictures(model, files, LABELS, journal=path)), whole)
        done = max(0, sum(end <= cut for end in ends) - 1)
        assert [file.reads for file in files] == [0] * done + [1] * (30 - done)
        assert [json.loads(line).get("name") for line in path.read_bytes().splitlines()[1:]] == [r.name for r in whole]


def test_a_journal_of_another_run_is_refused_by_what_differs(model, pictures, tmp_path):
    path = tmp_path / "j.jsonl"
    list(clip.label_pictures(model, pictures, LABELS, journal=path, model_name="one"))
    kept = path.read_bytes()
    other = small_words_clip()
    other.visual.ln_post.bias += 1

    def refused(words, *arguments, **options):
        with pytest.raises(ValueError, match=words):
            list(clip.label_pictures(*arguments, **{"journal": path, "model_name": "one"} | options))
        assert path.read_bytes() == kept

    refused(r"another run: its model is 'one', not 'two'", model, pictures, LABELS, model_name="two")
    refused(r"another run: its weights are '\w{8}', not", other, pictures, LABELS)
    refused(r"its labels are \['red', .*not \['red'\]", model, pictures, ["red"])
    refused(r"its templates are None, not \['a photo", model, pictures, LABELS, TEMPLATES)
    refused(r"are 30 pictures, not these 29 \(such as red/0027.png\)", model, pictures[:29], LABELS)
    lines = kept.splitlines(keepends=True)
    for wrong, words in (
        ([lines[0], b"x\n", *lines[2:]], "is no journal, or damaged"),
        ([lines[0], *lines[2:]], "is damaged at"),
        ([b"[1]\n"], "is no journal"),
        ([*lines, lines[-1]], "more pictures than this run"),
    ):
        kept = b"".join(wrong)
        path.write_bytes(kept)
        refused(words, model, pictures, LABELS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"margin": 1.5}, r"margin must lie in \[0, 1\]"),
        ({"labels": ["red", "blue", "red"]}, "'red' is given twice"),
        ({"labels": []}, "labels must be one or more"),
        ({"templates": ["a photo"]}, "a template needs {}"),
    ],
)
def test_refusals(model, pictures, options, words):
    with pytest.raises(ValueError, match=words):
        next(clip.label_pictures(model, pictures, **{"labels": LABELS} | options))


PROGRAM = """
import sys
from playground import clip
model, folder, journal = sys.argv[1:]
found = clip.find_pictures(folder)
for i, _ in enumerate(clip.label_pictures(clip.load(model), found, ["red", "blue"], journal=journal, batch_size=4)):
    print(i, flush=True)
    if i == 250:
        sys.stdin.read()  # never past here, however late the kill comes
"""


def test_kill_9_loses_nothing_and_does_nothing_twice(model, tmp_path):
    folder, journal = lay_pictures(tmp_path / "p", 300), tmp_path / "j.jsonl"
    clip.save(model, tmp_path / "m")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "m"), str(folder), str(journal)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=Path(__file__).parents[2]) as process:
        given = next(int(line) for line in process.stdout if int(line) >= 40)
        process.kill()
        given = max([given, *(int(line) for line in process.stdout)]) + 1
        assert process.wait() == -signal.SIGKILL
    done = journal.read_bytes().count(b"\n") - 1
    assert 41 <= given <= done <= 251, "what was given away is kept"
    model = clip.load(tmp_path / "m")
    files = [Counting(file) for file in find_pictures(folder)]
    results = list(clip.label_pictures(model, files, ["red", "blue"], journal=journal, batch_size=4))
    assert [file.reads for file in files] == [0] * done + [1] * (300 - done)
    same(results, list(clip.label_pictures(model, find_pictures(folder), ["red", "blue"])))
    names = [json.loads(line)["name"] for line in journal.read_bytes().splitlines()[1:]]
    assert names == [file.name for file in files]
