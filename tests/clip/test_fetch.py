"""A checkpoint from a hub on this machine: progress, resumption, and each thing that goes wrong in one sentence."""

import errno
import hashlib
import os
import pickle
import subprocess
import sys
import time

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants, file_download
from malicious import Malicious
from small_words import small_words_clip
from stand_in_hub import serving

from playground import checkpoints, clip

ID = "tiny/model"
NOBODY = "http://127.0.0.1:9"  # nobody listens there
FILES = ("config.json", "model.safetensors")


@pytest.fixture(scope="module")
def model():
    return small_words_clip()


@pytest.fixture
def folder(model, tmp_path):
    clip.save(model, tmp_path / "repository")
    return tmp_path / "repository"


@pytest.fixture
def hub(folder, tmp_path, monkeypatch):
    """A hub with one repository, as huggingface_hub's only one; it waits for nobody."""
    with serving({ID: folder}) as (address, handler):
        for name, value in (
            ("HF_HUB_OFFLINE", False),
            ("HF_HUB_DISABLE_XET", True),
            ("HF_HUB_CACHE", str(tmp_path / "cache")),
            ("DOWNLOAD_CHUNK_SIZE", 2**16),
        ):
            monkeypatch.setattr(constants, name, value)
        point_to(address, monkeypatch)
        monkeypatch.setattr(time, "sleep", lambda _: None)
        huggingface_hub.close_session()
        yield handler
    huggingface_hub.close_session()


def point_to(address, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def loads(model):
    again = clip.load(ID)
    assert all(a.equal(b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    return True


def refused(kind, words, **options):
    with pytest.raises(kind, match=words) as caught:
        checkpoints.fetch(ID, FILES, **options)
    assert "\n" not in str(caught.value)
    assert type(caught.value) is kind
    return caught.value


def left(tmp_path, pattern):
    return sorted(path.name for path in (tmp_path / "cache").rglob(pattern))


@pytest.mark.usefixtures("hub")
def test_progress_counts_the_bytes(folder):
    told = []
    got = checkpoints.fetch(ID, FILES, lambda done, total: told.append((done, total)))
    size = sum((folder / name).stat().st_size for name in FILES)
    assert max(done for done, _ in told) == size == told[-1][1]
    assert len(told) > 5, "more than one word a file"
    assert all(done <= total for done, total in told)
    assert (got / FILES[1]).read_bytes() == (folder / FILES[1]).read_bytes()
    told.clear()
    assert checkpoints.fetch(ID, FILES, lambda *a: told.append(a)) == got
    assert told == [], "what is here is not fetched again"


@pytest.mark.usefixtures("hub")
def test_download_fetches_what_load_reads(folder, model):
    told = []
    got = clip.download(ID, lambda done, total: told.append((done, total)))
    assert (got / "model.safetensors").stat().st_size == (folder / "model.safetensors").stat().st_size
    assert told[-1][0] == told[-1][1] > 100_000
    assert loads(model)


@pytest.mark.usefixtures("hub")
def test_progress_can_stop_the_fetching_and_a_second_call_goes_on(model, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(done, total):
        if done > min(300_000, total - 1):
            raise StoppedError

    with pytest.raises(StoppedError):
        checkpoints.fetch(ID, FILES, stop)
    assert left(tmp_path, "*.safetensors") == left(tmp_path, "*.incomplete") == []
    assert loads(model)


def test_kill_9_while_weights_arrive_leaves_none(hub, model, tmp_path):
    hub.faults["GET model.safetensors"] = ["hang"]
    program = f"from playground import checkpoints; checkpoints.fetch({ID!r}, {FILES!r})"
    environ = {"HF_ENDPOINT": constants.ENDPOINT, "HF_HUB_CACHE": constants.HF_HUB_CACHE, "HF_HUB_OFFLINE": "0"}
    with subprocess.Popen([sys.executable, "-c", program], env=os.environ | environ) as process:
        assert hub.hanging.wait(120)
        process.kill()
    assert left(tmp_path, "*.safetensors") == []
    assert left(tmp_path, "*.incomplete"), "what had come of them"
    assert loads(model)


def test_a_broken_connection_is_taken_up_where_it_broke(hub, model, folder):
    hub.faults["GET model.safetensors"] = ["cut", "cut"]
    assert loads(model)
    half = (folder / FILES[1]).stat().st_size // 2
    assert len(hub.ranges) == 2
    assert abs(int(hub.ranges[0].removeprefix("bytes=").rstrip("-")) - half) <= 2**16


def test_a_connection_that_breaks_for_good(hub, model, tmp_path):
    hub.faults["GET model.safetensors"] = ["cut"] * 100  # half of the rest, again and again, is never all
    refused(OSError, r"did not arrive whole \(.+\); fetch it again")
    assert left(tmp_path, "*.safetensors") == left(tmp_path, "*.incomplete") == []
    hub.faults.clear()
    assert loads(model)


def test_weights_of_another_hash_are_deleted(hub, model, tmp_path):
    hub.faults["GET model.safetensors"] = ["wrong", "wrong"]
    refused(ValueError, r"model\.safetensors of models--tiny--model is not what the hub has: .* is deleted, fetch it")
    assert left(tmp_path, "*.safetensors") == []
    with pytest.raises(ValueError, match="is not what the hub has"):
        clip.load(ID)
    assert loads(model)


@pytest.mark.usefixtures("hub")
def test_a_hash_is_taken_once(monkeypatch):
    taken = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *a: taken.append(a) or digest(*a))
    for _ in range(3):
        got = checkpoints.fetch(ID, FILES)
    assert len(taken) == 1
    weights = got / FILES[1]
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.resolve().write_bytes(content)
    os.utime(weights.resolve(), ns=(1, 1))
    refused(ValueError, "is not what the hub has")


def test_a_file_of_another_size(hub, model, tmp_path):
    hub.faults["GET model.safetensors"] = ["short"]
    refused(OSError, r"did not arrive whole \(Consistency check failed: file should be of size")
    assert left(tmp_path, "*.safetensors") == left(tmp_path, "*.incomplete") == []
    assert loads(model)


@pytest.mark.parametrize(
    ("fault", "times", "kind", "words"),
    [
        ("HEAD model.safetensors 404", 1, FileNotFoundError, "lists a file that the hub does not have"),
        ("GET /revision/main 404", 1, FileNotFoundError, "neither a folder nor a repository"),
        ("GET /revision/main 429", 1, OSError, r"too many requests from here \(429\)"),
        ("GET model.safetensors 429", 6, OSError, r"too many requests from here \(429\)"),
        ("GET /revision/main 503", 1, OSError, r"the hub fails at present \(503\)"),
        ("GET model.safetensors 500", 1, OSError, r"the hub fails at present \(500\)"),
    ],
)
def test_what_the_hub_answers(hub, model, tmp_path, fault, times, kind, words):
    *where, status = fault.split(" ")
    hub.faults[" ".join(where)] = [int(status)] * times
    refused(kind, words)
    assert left(tmp_path, "*.safetensors") == []
    hub.faults.clear()
    assert loads(model)


@pytest.mark.usefixtures("hub")
def test_a_file_that_the_repository_lacks(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no model\.safetensors"):
        clip.load(ID)


@pytest.mark.usefixtures("hub")
def test_no_network(model, monkeypatch):
    address = constants.ENDPOINT
    point_to(NOBODY, monkeypatch)
    refused(FileNotFoundError, "is not reached, and no whole copy is here; see to the network")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(FileNotFoundError, "HF_HUB_OFFLINE forbids to ask it")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    point_to(address, monkeypatch)
    checkpoints.fetch(ID, ("config.json",))  # a copy that is not whole
    point_to(NOBODY, monkeypatch)
    refused(FileNotFoundError, "no whole copy is here")
    point_to(address, monkeypatch)
    assert loads(model)
    point_to(NOBODY, monkeypatch)
    assert loads(model), "a whole copy needs no network"


@pytest.mark.usefixtures("hub")
def test_a_full_disk(model, tmp_path, monkeypatch):
    def full(_, file, **__):
        file.write(b"x" * 1000)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(file_download, "http_get", full)
        refused(OSError, "the disk is full, and tiny/model does not fit")
    assert left(tmp_path, "*.safetensors") == left(tmp_path, "*.incomplete") == []
    assert loads(model)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "open_clip_pytorch_model.bin", "model.safetensors"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_in_a_repository_is_not_opened(hub, folder, tmp_path, name):
    """Beside no safetensors, or under their name; fetched only in the second case, and opened in neither."""
    trap = tmp_path / "trap"
    (folder / "model.safetensors").unlink()
    (folder / "config.json").write_text('{"model_type": "clip"}')
    for write in (
        lambda: torch.save({"visual.proj": Malicious(trap)}, folder / name),
        lambda: (folder / name).write_bytes(pickle.dumps({"visual.proj": Malicious(trap)})),
    ):
        write()
        for source in (ID, folder):
            with pytest.raises((FileNotFoundError, ValueError), match=r"holds no CLIP|is no safetensors file"):
                clip.load(source)
    assert not trap.exists()
    assert not [path for path in hub.asked if path.endswith(".bin")]
    pickle.loads(pickle.dumps(Malicious(trap)))
    assert trap.exists(), "a trap that cannot close proves nothing"
