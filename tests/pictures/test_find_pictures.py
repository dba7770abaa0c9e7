"""Pictures found in folders, zips and lists, and the zips that are refused."""

import struct
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from playground.pictures import files, find_pictures

TREE = {
    "b.png": b"b",
    "a/cat/1.JPG": b"1",
    "a/dog/2.webp": b"2",
    "红/猫.png": b"3",
    ".hidden.png": b"",
    ".git/x.png": b"",
    "__MACOSX/a/._1.jpg": b"",
    "__MACOSX/y.jpg": b"",
    "Thumbs.db": b"",
    "a/notes.txt": b"",
    "a/inner.zip": b"",
}
NAMES = ["a/cat/1.JPG", "a/dog/2.webp", "b.png", "红/猫.png"]


def pack(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def lay(folder, members):
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(params=["folder", "zip"])
def tree(request, tmp_path):
    return lay(tmp_path / "t", TREE) if request.param == "folder" else pack(tmp_path / "t.zip", TREE)


def test_what_is_found_and_what_is_skipped(tree):
    with find_pictures(tree) as found:
        assert [file.name for file in found] == NAMES
        assert [file.folder for file in found] == ["cat", "dog", "", "红"]
        assert [file.read() for file in found] == [b"1", b"2", b"b", b"3"]
        assert (len(found), found.skipped) == (4, 7)
        assert found[1].name == NAMES[1]


def test_a_list_of_files_is_named_below_what_they_share(tmp_path):
    lay(tmp_path, TREE)
    found = find_pictures([tmp_path / "a/dog/2.webp", str(tmp_path / "a/cat/1.JPG"), tmp_path / "a/notes.txt"])
    assert [(file.name, file.folder) for file in found] == [("cat/1.JPG", "cat"), ("dog/2.webp", "dog")]
    assert found.skipped == 1
    assert [file.folder for file in find_pictures([tmp_path / "b.png"])] == [""]
    with pytest.raises(FileNotFoundError, match="there is no file"):
        find_pictures([tmp_path / "none.png"])
    with pytest.raises(ValueError, match="the list of files is empty"):
        find_pictures([])


@pytest.mark.parametrize(
    "name", ["/etc/a.png", "../a.png", "a/../../b.png", "C:/a.png", "c:a.png", "a\\b.png", "\\\\host\\a.png", "../x/"]
)
def test_names_that_lead_out_are_refused(tmp_path, name):
    pack(tmp_path / "a.zip", {"good.png": b"1", name: b""})
    with pytest.raises(ValueError, match="leads out of it"):
        find_pictures(tmp_path / "a.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def patch(path, offset, value):
    """Overwrite bytes at an offset from the first entry of the central directory."""
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02") + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)


def test_encrypted_zips_and_other_packings_are_refused(tmp_path):
    path = pack(tmp_path / "a.zip", {"a.png": b"1"})
    patch(path, 8, b"\x01")
    with pytest.raises(ValueError, match="is encrypted"):
        find_pictures(path)
    pack(path, {"a.png": b"1"}, zipfile.ZIP_LZMA)
    with pytest.raises(ValueError, match="by method 14; only deflate"):
        find_pictures(path)


def test_bombs_are_refused_before_they_are_opened(tmp_path, monkeypatch):
    path = pack(tmp_path / "a.zip", {"a.png": bytes(50_000_001)})
    with pytest.raises(ValueError, match="of 50,000,001 bytes"):
        find_pictures(path)
    pack(path, {"a.png": bytes(1_000_001)})
    with pytest.raises(ValueError, match="is a bomb"):
        find_pictures(path)
    pack(path, {"a.png": bytes(1_000_000)})
    assert len(find_pictures(path)[0].read()) == 1_000_000, "small ones may be packed tightly"
    monkeypatch.setattr(files, "MAX_TOTAL", 2_999_999)
    pack(path, {f"{i}.png": bytes(1_000_000) for i in range(3)})
    with pytest.raises(ValueError, match="unpacks to 3,000,000 bytes"):
        find_pictures(path)


def test_a_declared_size_is_not_trusted(tmp_path, monkeypatch):
    """A member of 3 MB that says it has 10 bytes gives no more than those to the reader, and then is found out."""
    path = pack(tmp_path / "a.zip", {"a.png": bytes(3_000_000)})
    patch(path, 24, struct.pack("<I", 10))
    with pytest.raises(ValueError, match=r"a\.png is damaged in a\.zip"):
        find_pictures(path)[0].read()
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    lay(tmp_path / "t", {"a.png": bytes(101), "b.png": bytes(100)})
    found = find_pictures(tmp_path / "t")
    with pytest.raises(ValueError, match="more than 100 bytes"):
        found[0].read()
    assert len(found[1].read()) == 100


def test_what_holds_no_pictures_or_too_many(tmp_path, monkeypatch):
    for name, content in (("a.zip", b"no zip"), ("b.png", b"a picture"), ("c.zip", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="is no zip, or not all of one"):
            find_pictures(tmp_path / name)
    whole = pack(tmp_path / "d.zip", TREE).read_bytes()
    (tmp_path / "d.zip").write_bytes(whole[:-30])
    with pytest.raises(ValueError, match="is no zip, or not all of one"):
        find_pictures(tmp_path / "d.zip")
    with pytest.raises(FileNotFoundError, match="there is no folder and no zip"):
        find_pictures(tmp_path / "none")
    lay(tmp_path / "t", {"notes.txt": b""})
    for source in (tmp_path / "t", pack(tmp_path / "e.zip", {"notes.txt": b""})):
        with pytest.raises(ValueError, match=r"there is no picture in .*, and 1 other files"):
            find_pictures(source)
    monkeypatch.setattr(files, "MAX_PICTURES", 3)
    for source in (lay(tmp_path / "u", TREE), pack(tmp_path / "f.zip", TREE)):
        with pytest.raises(ValueError, match="more than 3 pictures"):
            find_pictures(source)


def test_ten_thousand_small_files_in_a_zip_and_in_folders(tmp_path):
    members = {f"{i % 10}/{i % 7}/{i:05d}.png": str(i).encode() for i in range(10_000)}
    pack(tmp_path / "a.zip", members, zipfile.ZIP_STORED)
    lay(tmp_path / "t", members)
    for source in (tmp_path / "a.zip", tmp_path / "t"):
        begun = time.process_time()
        with find_pictures(source) as found:
            assert [file.name for file in found] == sorted(members)
            assert [file.read() for file in found] == [members[file.name] for file in found]
        assert time.process_time() - begun < 10, "each picture must not cost a look at the whole list"


def test_a_zip_is_read_by_many_threads(tmp_path):
    members = {f"{i}.png": bytes([i]) * 70_000 for i in range(64)}
    barrier = threading.Barrier(4)

    def read(part):
        barrier.wait()
        return {file.name: file.read() for file in part}

    with find_pictures(pack(tmp_path / "a.zip", members)) as found, ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(read, [found[i::4] for i in range(4)]))
    assert {name: content for part in parts for name, content in part.items()} == members
