"""Write what is kept of a cleaned set: tables, DataComp's uids, WebDataset shards, Hugging Face data sets."""

import contextlib
import csv
import io
import json
import re
import tarfile
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from playground import checkpoints
from playground.blip.capfilt import Pair
from playground.blip.clean import JOB, by_pair, decisions, scored
from playground.blip.rules import Decision, Rule
from playground.blip.sets import ROWS, PairSet, open_set
from playground.pictures import FORMATS

__all__ = ["ENDINGS", "Format", "export", "export_unread", "format_of"]

Format = Literal["csv", "jsonl", "parquet", "uids", "webdataset", "datasets"]
ENDINGS: dict[str, Format] = {
    ".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".npy": "uids", ".tar": "webdataset", "": "datasets",
}  # fmt: skip
NUMBERS = ("itm", "itc", "clip")
COLUMNS = ("uid", "image", "text", "source", *NUMBERS)  # and "texts", where a cell can hold a list
SHARD = 10_000  # samples, as img2dataset has it
UID = re.compile(r"[0-9a-fA-F]{32}")
SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "JPEG2000": "jp2", "TIFF": "tif"}  # of other formats the name in small letters

Row = dict[str, Any]


def format_of(path: str | Path) -> Format:
    """The format that a name's ending says; without one it is a Hugging Face data set. Raises `ValueError`."""
    if (chosen := ENDINGS.get(Path(path).suffix)) is None:
        endings = ", ".join(filter(None, ENDINGS))
        raise ValueError(f"{Path(path).name} must end in {endings}, or have no ending, for a Hugging Face data set")
    return chosen


def export(
    folder: str | Path,
    path: str | Path,
    *,
    threshold: float | None = None,
    rule: Rule | None = None,
    format: Format | None = None,
    pairs: PairSet | None = None,
) -> int:
    """Write the texts of a job that are kept by the rule of `decisions`, a row or sample each, and return how many.

    The format is by default what the name's ending says:

    - csv, jsonl, parquet: a table of uid, image (the file, as the set names it, where it has one: a table is a set
      again beside the pictures), text, source and all scores; but for csv also `texts`, all texts of that picture with
      their scores, kept or not.
    - uids: DataComp's sorted .npy of the two 64-bit halves of the uids of pairs whose own text, the web's, is kept.
    - webdataset: shards `kept-00000.tar` and so on for `kept.tar`, each sample the picture's file as it came, the text
      (.txt) and the row (.json).
    - datasets: a folder, as `Dataset.save_to_disk` writes it, of the table with the pictures' files in it.

    The last two read the set again, from where the job had it or from `pairs`. What is written appears whole (the first
    shard last) or not at all, and replaces what was there by that name. Raises `ValueError` for another ending, for
    uids that are not of 32 hexadecimal digits, for a set that is not the job's or has changed, for a place where it
    would write over something else, without the `datasets` library, and as `decisions` does; `OSError`.
    """
    folder, path = Path(folder), Path(path).absolute()
    chosen = format or format_of(path)
    told = by_pair(decisions(folder, threshold, rule=rule))
    source = Path(checkpoints.read_json(folder / JOB)["source"])
    _check_place(path, chosen, folder, source)
    with _scratch(path) as scratch:
        if chosen in WRITERS:
            kept = WRITERS[chosen]((row for own in told for row in _rows(own)), scratch / path.name)
            (scratch / path.name).replace(path)
            return kept
        samples = _samples(told, pairs or open_set(source))
        if chosen == "webdataset":
            kept = _write_shards(samples, scratch / path.stem)
            for old in _shards(path):
                old.unlink()
            for shard in reversed(_shards(scratch / path.name)):
                shard.replace(path.parent / shard.name)
            return kept
        kept = _write_dataset(samples, scratch)
        if path.exists():
            path.replace(scratch / "old")
        (scratch / "new").replace(path)
        return kept


def export_unread(folder: str | Path, path: str | Path) -> int:
    """Write a table (csv) of the pairs whose picture could not be read: uid, image and error. Returns how many."""
    path = Path(path)
    unread = ({"uid": one.uid, "image": one.file, "error": one.error} for one in scored(folder) if one.error)
    with _scratch(path) as scratch:
        written = _write_csv(unread, scratch / path.name, ("uid", "image", "error"))
        (scratch / path.name).replace(path)
    return written


def _check_place(path: Path, chosen: Format, folder: Path, source: Path) -> None:
    place = path.resolve()
    over = place == source
    if chosen == "webdataset":
        over = place.parent == source or source in _shards(place)
    if over:
        raise ValueError(f"{path} is the place of the set itself; choose another")
    if place.parent == folder.resolve() and place.match("part-*.jsonl"):
        raise ValueError(f"{path} is called as the job's own parts; choose another name")
    if chosen == "datasets" and path.exists() and not (path / "dataset_info.json").is_file():
        raise ValueError(f"{path} is there, and is no data set to replace; choose another name")


@contextlib.contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A hidden folder beside a file, for what is not whole yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as name:
        yield Path(name)


def _shards(path: Path) -> list[Path]:
    """The shards of a name, in order."""
    name = re.compile(re.escape(path.stem) + r"-\d{5,}\.tar")
    return sorted(one for one in path.parent.iterdir() if name.fullmatch(one.name)) if path.parent.is_dir() else []


def _rows(own: Sequence[Decision]) -> list[Row]:
    """A row of each text of one pair that is kept."""
    rows = [
        {"uid": one.uid, "image": one.file, "text": one.text, "source": one.source, "itm": one.probability,
         "itc": one.cosine, "clip": one.clip}
        for one in own
    ]  # fmt: skip
    texts = [{name: row[name] for name in COLUMNS[2:]} | {"kept": one.kept} for row, one in zip(rows, own, strict=True)]
    return [row | {"texts": texts} for row, one in zip(rows, own, strict=True) if one.kept]


def _samples(told: Iterable[Sequence[Decision]], pairs: Iterable[Pair]) -> Iterator[tuple[Row, bytes, str]]:
    """The rows with the content and the ending of the picture's file."""
    rest = iter(pairs)
    for own in told:
        pair = next(rest, None)
        if pair is None or (pair.uid, pair.text) != (own[0].uid, own[0].text):
            raise ValueError(f"the job has {own[0].uid} where the set has {pair and pair.uid}: it is another set")
        if rows := _rows(own):
            content, suffix = _file_of(pair)
            yield from ((row, content, suffix) for row in rows)


def _file_of(pair: Pair) -> tuple[bytes, str]:
    if isinstance(pair.image, Image.Image):  # which is no file yet
        file = io.BytesIO()
        pair.image.save(file, format="PNG")
        return file.getvalue(), "png"
    try:
        content = pair.image if isinstance(pair.image, bytes) else pair.image.read_bytes()
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            name = picture.format or ""
    except OSError as error:
        raise ValueError(f"the picture of {pair.uid} is not what it was when it was scored ({error})") from error
    return content, SUFFIXES.get(name, name.lower())


def _write_jsonl(rows: Iterable[Row], path: Path) -> int:
    written = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += 1
    return written


def _write_csv(rows: Iterable[Row], path: Path, columns: Sequence[str] = COLUMNS) -> int:
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            written += 1
    return written


def _write_parquet(rows: Iterable[Row], path: Path) -> int:
    import pyarrow
    from pyarrow import parquet

    def typed(names: Sequence[str]) -> list[tuple[str, Any]]:
        return [(name, pyarrow.float64() if name in NUMBERS else pyarrow.string()) for name in names]

    texts = pyarrow.list_(pyarrow.struct([*typed(COLUMNS[2:]), ("kept", pyarrow.bool_())]))
    schema = pyarrow.schema([*typed(COLUMNS), ("texts", texts)])
    rest, written = iter(rows), 0
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(islice(rest, ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(some, schema))
            written += len(some)
    return written


def _write_uids(rows: Iterable[Row], path: Path) -> int:
    """Returns the number of texts that are kept, as the others do; there are fewer uids where written ones are."""
    written, halves = 0, array("Q")
    for row in rows:
        if not UID.fullmatch(row["uid"]):
            raise ValueError(f"DataComp's uids are 32 hexadecimal digits, unlike {row['uid']}; choose another format")
        if row["source"] == "web":
            halves.extend((int(row["uid"][:16], 16), int(row["uid"][16:], 16)))
        written += 1
    pairs = np.frombuffer(halves, np.dtype("u8,u8")) if halves else np.zeros(0, np.dtype("u8,u8"))
    with path.open("wb") as file:
        np.save(file, np.unique(pairs))
    return written


WRITERS: dict[str, Callable[[Iterable[Row], Path], int]] = {
    "csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet, "uids": _write_uids
}  # fmt: skip


def _write_shards(samples: Iterable[tuple[Row, bytes, str]], stem: Path) -> int:
    """Files `stem-00000.tar` and so on, one at least, the same bytes each time."""
    rest, written = iter(samples), 0
    for shard in count():
        first = list(islice(rest, 1))
        if shard and not first:
            break
        with tarfile.open(f"{stem}-{shard:05d}.tar", "w") as archive:
            for row, content, suffix in chain(first, islice(rest, SHARD - 1)):
                told = json.dumps(row, ensure_ascii=False).encode()
                for ending, member in ((suffix, content), ("txt", row["text"].encode()), ("json", told)):
                    info = tarfile.TarInfo(f"{written:09d}.{ending}")
                    info.size = len(member)
                    archive.addfile(info, io.BytesIO(member))
                written += 1
    return written


def _write_dataset(samples: Iterable[tuple[Row, bytes, str]], scratch: Path) -> int:
    """A folder `new`."""
    try:
        import datasets
        from datasets.arrow_writer import ArrowWriter
    except ImportError as error:
        raise ValueError("a Hugging Face data set needs its library: uv sync --extra datasets") from error

    def typed(names: Sequence[str]) -> Row:
        return {name: datasets.Value("float64" if name in NUMBERS else "string") for name in names}

    texts = [typed(COLUMNS[2:]) | {"kept": datasets.Value("bool")}]
    features = datasets.Features(typed(COLUMNS) | {"image": datasets.Image(), "texts": texts})
    written = 0
    with ArrowWriter(features=features, path=str(scratch / "all.arrow"), writer_batch_size=ROWS) as writer:
        for row, content, suffix in samples:
            name = row["image"] or f"{written:09d}.{suffix}"
            writer.write(row | {"image": {"bytes": content, "path": name}})
            written += 1
        writer.finalize()
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        found = datasets.Dataset.from_file(str(scratch / "all.arrow"))
        # An empty one would be saved in no file, which the library itself cannot read.
        found.save_to_disk(str(scratch / "new"), num_shards=None if written else 1)
    finally:
        if shown:
            datasets.enable_progress_bars()
    return written
