"""The picture files of a folder, of a zip or of a list, by name; a zip is read member by member and never unpacked."""

import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Self

__all__ = ["MAX_BYTES", "MAX_PICTURES", "MAX_TOTAL", "SUFFIXES", "PictureFile", "Pictures", "find_pictures"]

# The endings of the formats that `read_image` reads.
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("avif", "bmp", "gif", "ico", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "mpo"),
        *("pbm", "pgm", "png", "pnm", "ppm", "tga", "tif", "tiff", "webp"),
    )
)
MAX_PICTURES = 20_000
MAX_BYTES = 50_000_000  # of one file, unpacked
MAX_TOTAL = 4_000_000_000  # of a zip's pictures, unpacked
MAX_RATIO = 200  # unpacked to packed; deflate reaches 1032, a picture in a lossless format of one colour some 100
FREE = 1_000_000  # bytes up to which a member may be packed as tightly as it likes
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python unpacks the others without a limit to what comes out
ENCRYPTED = 0x1
DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, eq=False)
class PictureFile:
    """A file that is a picture by its name; `read` gives its bytes."""

    name: str  # its path below the source, with /
    path: Path  # the file, or the zip it is in
    archive: zipfile.ZipFile | None = field(default=None, repr=False)
    member: zipfile.ZipInfo | None = field(default=None, repr=False)

    @property
    def folder(self) -> str:
        """The last name of the folder it is in, "" at the top: the label, where folders are classes."""
        return PurePosixPath(self.name).parent.name

    def read(self) -> bytes:
        """The file's bytes, safe to call in several threads; of a zip the member's.

        Raises `ValueError` for more than `MAX_BYTES`, whatever size was declared, and for a damaged member; `OSError`.
        """
        if self.archive is None or self.member is None:
            with self.path.open("rb") as file:
                return _limited(file, self.name)
        try:
            with self.archive.open(self.member) as file:
                return _limited(file, self.name)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise ValueError(f"{self.name} is damaged in {self.path.name} ({error})") from error


@dataclass(frozen=True, eq=False)
class Pictures(Sequence[PictureFile]):
    """The pictures of a source, sorted by name; as a context it closes the zip they are in."""

    source: str
    files: tuple[PictureFile, ...] = field(repr=False)
    skipped: int  # files passed over: hidden ones and those that are no pictures by their names

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[PictureFile]:
        return iter(self.files)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204  # both overloads are the tuple's
        return self.files[index]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the zip, where there is one; its pictures cannot be read any more."""
        for archive in {file.archive for file in self.files if file.archive is not None}:
            archive.close()


def find_pictures(source: str | Path | Sequence[str | Path]) -> Pictures:
    """The pictures in a folder and all below it, in a zip, or among the paths of files.

    Hidden files, macOS's `__MACOSX` and files without a picture's ending are skipped and counted. Raises `ValueError`
    for no picture, more than `MAX_PICTURES`, a file that is no zip, and a zip with a name that leads out of it, with
    encryption, with a packing other than deflate, or that is a bomb: a picture above `MAX_BYTES`, or above `FREE` and
    `MAX_RATIO` times its packed size, or all of them above `MAX_TOTAL`; `FileNotFoundError` where there is nothing.
    """
    if not isinstance(source, str | Path):
        paths = sorted({Path(path) for path in source})
        return _of_files(paths)
    path = Path(source)
    if path.is_dir():
        return _chosen(str(source), _below(path))
    if not path.exists():
        raise FileNotFoundError(f"there is no folder and no zip {source}")
    return _of_zip(path)


def _limited(file: IO[bytes], name: str) -> bytes:
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{name} has more than {MAX_BYTES:,} bytes, the most that is read")
    return content


def _below(folder: Path) -> Iterator[PictureFile]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_file():  # a pipe would be waited for
                yield PictureFile(_text(path.relative_to(folder).as_posix()), path)


def _of_files(paths: Sequence[Path]) -> Pictures:
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
    if not paths:
        raise ValueError("there is no picture: the list of files is empty")
    top = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    return _chosen(str(top), (PictureFile(_text(p.absolute().relative_to(top).as_posix()), p) for p in paths))


def _of_zip(path: Path) -> Pictures:
    archive = opened(path)
    try:
        for member in archive.infolist():
            check_name(member, path)
        members = (member for member in archive.infolist() if not member.is_dir())
        pictures = _chosen(str(path), (PictureFile(member.filename, path, archive, member) for member in members))
        check_sizes([file.member for file in pictures if file.member is not None], path)
    except BaseException:
        archive.close()
        raise
    return pictures


def opened(path: Path) -> zipfile.ZipFile:
    """The zip. Raises `ValueError` for what is none."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise ValueError(f"{path} is no zip, or not all of one ({error}); a folder or a zip of pictures is") from error


def check_name(member: zipfile.ZipInfo, path: Path) -> None:
    """Refuse a member whose name leads out of the zip, and an encrypted one."""
    name = member.orig_filename  # as it is in the zip: on Windows `filename` has no backslash left to find
    if name.startswith("/") or "\\" in name or DRIVE.match(name) or ".." in name.split("/"):
        raise ValueError(f"{path} holds the name {name!r}, which leads out of it; nothing of such a zip is read")
    if member.flag_bits & ENCRYPTED:
        raise ValueError(f"{path} is encrypted ({name!r}); pack the pictures without a password")


def check_sizes(members: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """Refuse by the declared sizes; `read` then gives no more than was declared, whatever is packed there."""
    for member in members:
        name, size, packed = member.filename, member.file_size, member.compress_size
        if member.compress_type not in METHODS:
            raise ValueError(f"{path} packs {name!r} by method {member.compress_type}; only deflate is read, the usual")
        if size > MAX_BYTES:
            raise ValueError(f"{path} holds {name!r} of {size:,} bytes; a picture may have {MAX_BYTES:,}")
        if size > FREE and size > MAX_RATIO * packed:
            raise ValueError(
                f"{path} holds {name!r}, which grows from {packed:,} to {size:,} bytes; more than {MAX_RATIO} times "
                "is a bomb, not a picture"
            )
    if (total := sum(member.file_size for member in members)) > MAX_TOTAL:
        raise ValueError(f"{path} unpacks to {total:,} bytes; at most {MAX_TOTAL:,} are read")


def _chosen(source: str, found: Iterable[PictureFile]) -> Pictures:
    """Those that are pictures by their names, sorted. Raises `ValueError` for none and for too many."""
    files: list[PictureFile] = []
    skipped = 0
    for file in found:
        if _is_picture(file.name):
            files.append(file)
        else:
            skipped += 1
        if len(files) > MAX_PICTURES:
            raise ValueError(f"{source} holds more than {MAX_PICTURES:,} pictures, the most that is read at once")
    if not files:
        raise ValueError(f"there is no picture in {source}, and {skipped:,} other files; read are {_endings()}")
    return Pictures(source, tuple(sorted(files, key=lambda file: file.name)), skipped)


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return not hidden and path.suffix.lower() in SUFFIXES


def _endings() -> str:
    return ", ".join(sorted(SUFFIXES))


def _text(name: str) -> str:
    """The name as text that can be written down; bytes that are no UTF-8 become question marks."""
    return os.fsencode(name).decode("utf-8", "replace")
