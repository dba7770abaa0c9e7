"""Pictures of questions, left where they are until somebody looks: base64 within a table, a file, or another row's."""

import binascii
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

__all__ = [
    "REFERENCE", "Borrowed", "Own", "Picture", "Place", "Stored", "decode", "listed", "open_picture", "read_picture",
    "resolve", "whole",
]  # fmt: skip

REFERENCE = 64  # an image cell of so many characters or fewer is the index of the row whose picture it is
_ENDS = ((b"\xff\xd8\xff", b"\xff\xd9"), (b"\x89PNG\r\n", b"IEND"))  # how JPEG and PNG begin, and what ends them
_ITEM = re.compile(rb"""'([^'"\\]*+)'|"([^'"\\]*+)\"""")
_LIST = re.compile(rb"""\s*+\[\s*+(?:(?:'[^'"\\]*+'|"[^'"\\]*+")\s*+(?:,\s*+|(?=\])))++\]\s*+""")
_TAIL = 4096  # bytes behind a picture's end that some cameras and editors add


@dataclass(frozen=True, slots=True)  # a million of them are held while a table is read
class Stored:
    """A picture in a file: all of it, or `length` bytes of base64 from `start` on."""

    path: Path
    start: int = 0
    length: int | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Borrowed:
    """The picture of the row `index`; `places` is where the rows of its file have theirs, filled as it is read."""

    index: int
    places: "Mapping[int, Place]"


Own = bytes | Stored
Picture = Own | Borrowed
Place = tuple[Own, ...] | Own | int | None  # a row's pictures, its only one, the row that has them, or none


def listed(cell: bytes) -> list[tuple[int, int]] | None:
    """Where the texts of a cell stand that is written as a list of them, as Python or JSON does; None for another."""
    if not cell.lstrip().startswith(b"[") or not _LIST.fullmatch(cell):
        return None
    return [one.span(1) if one[1] is not None else one.span(2) for one in _ITEM.finditer(cell)]


def decode(text: bytes) -> bytes:
    """The bytes of a picture in base64. Raises `ValueError` for what is no base64, or cut off."""
    packed = b"".join(text.split())
    if packed[:5] == b"data:":
        packed = packed.partition(b",")[2]
    try:
        content = binascii.a2b_base64(packed, strict_mode=True)
    except binascii.Error as error:
        raise ValueError(f"its base64 is damaged or cut off ({str(error).lower()})") from None
    if not whole(content):
        raise ValueError("its picture is cut off")
    return content


def whole(content: bytes) -> bool:
    """Whether a JPEG or PNG has its end; other kinds are taken as they are."""
    for head, end in _ENDS:
        if content.startswith(head):
            return end in content[-_TAIL:]
    return bool(content)


def resolve(index: int, places: Mapping[int, Place]) -> tuple[Own, ...]:
    """What the row `index` shows: its own pictures, or those at the end of a chain of rows.

    Raises `ValueError` for a chain that leads to no row, to a row without a picture, or back to itself.
    """
    seen = set[int]()
    while True:
        if index in seen:
            raise ValueError(f"the rows that share their picture lead back to index {index}")
        seen.add(index)
        if index not in places:
            raise ValueError(f"no row has the index {index}, whose picture this should be")
        place = places[index]
        if place is None:
            raise ValueError(f"the row of index {index}, whose picture this should be, has none")
        if not isinstance(place, int):
            return place if isinstance(place, tuple) else (place,)
        index = place


def read_picture(picture: Picture) -> bytes:
    """The bytes of the picture's file. Raises `ValueError` where it is damaged, cut off or not there."""
    if isinstance(picture, Borrowed):
        picture = resolve(picture.index, picture.places)[0]
    if isinstance(picture, bytes):
        return picture
    try:
        with picture.path.open("rb") as file:
            file.seek(picture.start)
            content = file.read() if picture.length is None else file.read(picture.length)
    except OSError as error:
        raise ValueError(f"the picture {picture.path.name} cannot be read ({error.strerror})") from error
    return content if picture.length is None else decode(content)


def open_picture(picture: Picture) -> Image.Image:
    """The picture in RGB. Raises `ValueError` where it cannot be read."""
    try:
        with Image.open(io.BytesIO(read_picture(picture))) as image:
            return image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"the picture cannot be read ({error})") from error
