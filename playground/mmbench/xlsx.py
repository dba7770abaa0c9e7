"""Excel's tables by the standard library: a sheet of a workbook as rows of text, and a sheet written."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import IO
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

__all__ = ["MOST_BYTES", "MOST_UNPACKED", "read_xlsx", "write_xlsx"]

MOST_BYTES = 20_000_000
MOST_UNPACKED = 400_000_000  # of one part of a workbook: a small file can hold very much
CELL = 32_767  # characters that Excel takes in a cell
MOST_COLUMNS = 16_384  # as Excel
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # begins a workbook of before 2007, and an encrypted one
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ElementTree.ParseError,
    KeyError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_OFFICE = "http://schemas.openxmlformats.org"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_OFFICE}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_OFFICE}/package/2006/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_OFFICE}/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
}


def read_xlsx(
    path: str | Path, wanted: Callable[[list[str]], bool] = lambda _: True
) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet that is not hidden and whose first row that is not empty is `wanted`, else of the first
    that is not hidden, from that row on: their number and their cells as text, "" where empty; a formula's last value.

    Raises `ValueError` for a file of more than 20 MB, or more than 400 MB unpacked, and one that is no workbook.
    """
    path = Path(path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(
            f"{path.name} has {size / 1e6:.1f} MB, more than the {MOST_BYTES / 1e6:g} MB allowed for Excel"
        )
    with path.open("rb") as file:
        if file.read(8) == OLD:
            raise ValueError(f"{path.name} is an old workbook or has a password: save it as .xlsx without one")
    try:
        with zipfile.ZipFile(path) as book:
            shared = list(_shared(book))
            sheets = _sheets(book)
            first = next((one for one in sheets if wanted(next(_filled(book, one, shared), (0, []))[1])), sheets[0])
            yield from _filled(book, first, shared)
    except DAMAGED as error:
        raise ValueError(f"{path.name} is no Excel workbook, or damaged ({error})") from error


def write_xlsx(path: str | Path, rows: Iterable[Sequence[str | float | None]], *, sheet: str = "Sheet1") -> None:
    """Write a workbook of one sheet: numbers as numbers, None and NaN as empty cells; text over Excel's 32,767
    characters is cut."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    book_xml = (
        f'<workbook xmlns="{_OFFICE}/spreadsheetml/2006/main" xmlns:r="{_OFFICE}/officeDocument/2006/relationships">'
        f'<sheets><sheet name={quoteattr(sheet[:31])} sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in (*_PARTS.items(), ("xl/workbook.xml", book_xml)):
            book.writestr(name, text)
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as file:
            file.write(f'<worksheet xmlns="{_OFFICE}/spreadsheetml/2006/main"><sheetData>'.encode())
            for number, row in enumerate(rows, 1):
                cells = "".join(_written(cell, _column(i), number) for i, cell in enumerate(row))
                file.write(f'<row r="{number}">{cells}</row>'.encode())
            file.write(b"</sheetData></worksheet>")
    part.replace(path)


def _part(book: zipfile.ZipFile, name: str) -> IO[bytes]:
    size = book.getinfo(name).file_size
    if size > MOST_UNPACKED:
        raise ValueError(f"{name} unpacks to {size / 1e6:.0f} MB, more than the {MOST_UNPACKED / 1e6:g} MB allowed")
    return book.open(name)


def _sheets(book: zipfile.ZipFile) -> list[str]:
    """The parts of the sheets that are shown, in their order; of all where none is."""
    with _part(book, "xl/workbook.xml") as file:
        sheets = [node for _, node in ElementTree.iterparse(file) if _tag(node) == "sheet"]
    if not sheets:
        raise KeyError("it has no sheet")
    with _part(book, "xl/_rels/workbook.xml.rels") as file:
        targets = {node.get("Id", ""): node.get("Target", "") for _, node in ElementTree.iterparse(file)}
    shown = [one for one in sheets if one.get("state", "visible") == "visible"] or sheets
    ids = [next((value for name, value in one.attrib.items() if name.endswith("}id")), "") for one in shown]
    found = [targets[one] for one in ids]
    return [target.lstrip("/") if target.startswith("/") else f"xl/{target}" for target in found]


def _filled(book: zipfile.ZipFile, sheet: str, shared: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet from the first on that is not empty."""
    with _part(book, sheet) as file:
        yield from dropwhile(lambda row: not any(cell.strip() for cell in row[1]), _rows(file, shared))


def _shared(book: zipfile.ZipFile) -> Iterator[str]:
    """The texts that cells share."""
    name = next((name for name in book.namelist() if name.lower() == "xl/sharedstrings.xml"), None)
    if name is None:
        return
    with _part(book, name) as file:
        for _, node in ElementTree.iterparse(file):
            if _tag(node) == "si":
                yield _text(node)
                node.clear()


def _rows(file: IO[bytes], shared: list[str]) -> Iterator[tuple[int, list[str]]]:
    number = 0
    for _, node in ElementTree.iterparse(file):
        if _tag(node) != "row":
            continue
        told = node.get("r", "")
        number = int(told) if told.isascii() and told.isdigit() and len(told) < 10 else number + 1
        cells: list[str] = []
        for cell in node:
            at = _place(cell.get("r") or "", len(cells))
            if not 0 <= at < MOST_COLUMNS:
                raise ValueError(f"row {number:,} has a cell that is in none of the {MOST_COLUMNS:,} columns of Excel")
            cells += [""] * (at + 1 - len(cells))
            cells[at] = _value(cell, shared)
        yield number, cells
        node.clear()


def _value(cell: ElementTree.Element, shared: list[str]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _text(cell)
    value = next((node.text or "" for node in cell if _tag(node) == "v"), "")
    if not value or kind in ("str", "e", "d"):
        return _ESCAPED.sub(_character, value)
    if kind == "s":
        try:
            return shared[int(value)]
        except (ValueError, IndexError):
            raise KeyError(f"a cell refers to text {value[:20]}, and there are {len(shared)}") from None
    if kind == "b":
        return "False" if value == "0" else "True"
    return value if value.isdigit() else _number(value)


def _number(value: str) -> str:
    try:
        return repr(float(value)).removesuffix(".0")  # 0.1 is stored as 0.10000000000000001
    except ValueError:
        return value


def _text(node: ElementTree.Element) -> str:
    """All runs of a text, without how it is pronounced."""
    parts = [
        _text(one) if _tag(one) in ("r", "is") else one.text or "" for one in node if _tag(one) in ("t", "r", "is")
    ]
    return _ESCAPED.sub(_character, "".join(parts))


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _place(reference: str, after: int) -> int:
    """The column of a cell such as BC12, from 0 on; the next one where the cell does not tell."""
    letters = reference.rstrip("0123456789")
    place = 0
    for letter in letters[:4]:
        place = place * 26 + ord(letter.upper()) - 64
    return place - 1 if letters else after


def _column(place: int) -> str:
    name = ""
    while place >= 0:
        name, place = chr(65 + place % 26) + name, place // 26 - 1
    return name


def _written(cell: str | float | None, column: str, row: int) -> str:
    where = f'r="{column}{row}"'
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, str):
        text = _FORBIDDEN.sub("�", cell)[:CELL]
        return f'<c {where} t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
    return f"<c {where}><v>{cell:d}</v></c>" if isinstance(cell, int) else f"<c {where}><v>{cell!r}</v></c>"
