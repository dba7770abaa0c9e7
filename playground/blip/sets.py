"""Sets of pictures with texts as people have them: tables beside pictures, parquet, shards, Hugging Face data sets."""

import csv
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.blip.capfilt import Pair

__all__ = ["KINDS", "PairSet", "open_set"]

KINDS = ("csv", "jsonl", "parquet", "webdataset", "datasets")
TABLES = ("captions.csv", "captions.jsonl", "metadata.csv", "metadata.jsonl", "captions.parquet")
IMAGE = ("image", "image_path", "file_name", "path", "filename", "file")  # what the column of pictures is called
TEXT = ("text", "caption", "alt_text", "TEXT")
UID = ("uid", "id", "key")
SUFFIXES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "jp2", "ppm", "tga", "ico")
ROWS = 256  # of a parquet file or a data set that are in memory at once
MOST_BYTES = 50_000_000  # of a picture in a shard


@dataclass(frozen=True)
class PairSet:
    """A set that can be read again and again, in one order."""

    kind: str
    source: Path
    total: int | None  # pairs, where that is known without reading all
    pairs: Callable[[], Iterator[Pair]]

    def __iter__(self) -> Iterator[Pair]:
        return self.pairs()


def open_set(source: str | Path) -> PairSet:
    """A set in one of `KINDS`: a table of pictures and texts (csv, jsonl, parquet), a folder with one beside its
    pictures, a WebDataset shard (.tar) or a folder of shards, a folder of a Hugging Face `Dataset.save_to_disk`.

    A table or a data set has a column of pictures (`IMAGE`: paths within its folder; in parquet and data sets also the
    bytes, or a struct with them as the `datasets` library writes it), one of texts (`TEXT`), and may have one of names
    (`UID`). Otherwise the picture's path with the row's number names a pair, as a picture may have several texts; in a
    shard the `uid` of its .json, as DataComp writes it, or the shard's name with the sample's. Raises
    `FileNotFoundError`, and `ValueError` naming the columns that are there and those that are looked for, where they
    are not, for what is no set, for a data set of several splits, and where the `datasets` library is missing.
    """
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}")
    if (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
        return _datasets(path)
    if (path / "dataset_dict.json").is_file():
        splits = ", ".join(str(one.parent) for one in sorted(path.glob("*/state.json")))
        raise ValueError(f"{path} is a data set of splits; give one of them: {splits}")
    if path.is_dir():
        table = next((path / name for name in TABLES if (path / name).is_file()), None)
        shards = sorted(path.glob("*.tar"))
        if table is None and shards:
            return PairSet("webdataset", path, None, lambda: _shards(shards))
        if table is None:
            tables = [one for one in sorted(path.iterdir()) if one.suffix in (".csv", ".jsonl", ".parquet")]
            if len(tables) != 1:
                raise ValueError(
                    f"{path} holds no set: put {TABLES[0]} or {TABLES[1]} beside the pictures, or shards (.tar)"
                )
            table = tables[0]
        path = table
    if path.suffix == ".tar":
        return PairSet("webdataset", path, None, lambda: _shards([path]))
    if path.suffix == ".parquet":
        return _parquet(path)
    if path.suffix in (".csv", ".jsonl"):
        return _table(path)
    raise ValueError(f"{path} is no set: it must be a folder, or end in .csv, .jsonl, .parquet or .tar")


def _table(path: Path) -> PairSet:
    rows = _csv_rows if path.suffix == ".csv" else _json_rows
    total = 0
    columns: dict[str, str] = {}
    for row in rows(path):
        columns = columns or _columns(list(row), path)
        total += 1
    if not total:
        raise ValueError(f"{path} has no rows")

    return PairSet(path.suffix[1:], path, total, lambda: _column_pairs(rows(path), columns, path.parent))


def _within(folder: Path, name: str) -> Path | bytes:
    """The file of a name; one that leads out of the folder is as if it were empty."""
    try:
        path = folder / name
        inside = bool(name) and path.resolve().is_relative_to(folder.resolve())
    except (ValueError, OSError):  # a name that no file can have
        return b""
    return path if inside else b""


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield from csv.DictReader(file)
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is no CSV file in UTF-8 ({error})") from error


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number} of {path} is no JSON ({error})") from error
            if not isinstance(row, dict):
                raise ValueError(f"line {number} of {path} is no JSON object")
            yield row


def _columns(there: list[str], path: Path) -> dict[str, str]:
    """Which columns are the pictures', the texts' and the names'."""
    found = {}
    for what, names in (("image", IMAGE), ("text", TEXT), ("uid", UID)):
        name = next((name for name in names if name in there), None)
        if name is not None:
            found[what] = name
        elif what != "uid":
            raise ValueError(
                f"{path} has the columns {', '.join(map(str, there))}; one for the {what} must be called one of "
                f"{', '.join(names)}"
            )
    return found


def _parquet(path: Path) -> PairSet:
    from pyarrow import ArrowInvalid, parquet

    try:
        file = parquet.ParquetFile(path)
    except (ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is no parquet file ({error})") from error
    columns, total = _columns(file.schema_arrow.names, path), file.metadata.num_rows

    def rows() -> Iterator[Mapping[str, Any]]:
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=ROWS, columns=list(columns.values())):
            yield from batch.to_pylist()

    return PairSet("parquet", path, total, lambda: _column_pairs(rows(), columns, path.parent))


def _datasets(path: Path) -> PairSet:
    try:
        import datasets
    except ImportError as error:
        raise ValueError(f"{path} is read by Hugging Face's library: uv sync --extra datasets") from error
    try:
        found = datasets.Dataset.load_from_disk(str(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the data set {path} is damaged, or not all of it is here ({error})") from error
    columns = _columns(found.column_names, path)
    # As Arrow's tables pictures stay the files they are: the library's own rows would decode them.
    chosen = found.select_columns(list(columns.values())).with_format("arrow")

    def rows() -> Iterator[Mapping[str, Any]]:
        for batch in chosen.iter(ROWS):
            yield from batch.to_pylist()

    return PairSet("datasets", path, len(found), lambda: _column_pairs(rows(), columns, path))


def _column_pairs(rows: Iterator[Mapping[str, Any]], columns: Mapping[str, str], folder: Path) -> Iterator[Pair]:
    """Pairs of rows whose pictures may be bytes, structs of them, or paths within a folder."""
    for number, row in enumerate(rows):
        image, text = row.get(columns["image"]), _spoken(row.get(columns["text"]))
        if isinstance(image, dict):
            image = image.get("bytes") or image.get("path")
        file = _spoken(image) if isinstance(image, str) else ""
        content = image if isinstance(image, bytes) else _within(folder, str(image or ""))
        uid = _spoken(row.get(columns["uid"])) if "uid" in columns else ""
        yield Pair(uid or f"{file}#{number}", content, text, file)


def _shards(paths: list[Path]) -> Iterator[Pair]:
    """Samples of WebDataset shards: members of one name but for their ending, one behind the other; a picture, and a
    .txt or a .json with a caption."""
    for path in paths:
        key, sample = "", dict[str, bytes]()
        for name, ending, content in _members(path):
            if name != key and sample:
                yield _pair(path, key, sample)
                sample = {}
            key = name
            sample[ending] = content
        if sample:
            yield _pair(path, key, sample)


def _members(path: Path) -> Iterator[tuple[str, str, bytes]]:
    """The files of a shard: name, ending and content. Raises `ValueError` for one that is damaged."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                folder, _, last = member.name.rpartition("/")
                name, dot, ending = last.partition(".")
                file = archive.extractfile(member) if member.isfile() and dot and name else None
                if file is not None:
                    yield f"{folder}/{name}" if folder else name, ending.lower(), file.read(MOST_BYTES + 1)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"the shard {path} is damaged, or not all of it is here ({error})") from error


def _pair(path: Path, key: str, sample: Mapping[str, bytes]) -> Pair:
    image = next((sample[name] for name in SUFFIXES if name in sample), b"")
    try:
        told = json.loads(sample.get("json", b"{}"))
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    text = _spoken(next((told[name] for name in TEXT if name in told), ""))
    if "txt" in sample:
        text = sample["txt"].decode(errors="replace").strip()
    uid = _spoken(told.get("uid")) or f"{path.stem}/{key}"
    return Pair(uid, image if len(image) <= MOST_BYTES else b"", text)


def _spoken(value: Any) -> str:
    """A text of any kind of value, without halves of characters, which no file can hold."""
    return "" if value is None else str(value).encode(errors="replace").decode()
