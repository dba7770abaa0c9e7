"""Files of predictions in the official columns, in every kind that is read."""

import csv
import io
import json
import zipfile

import pytest

from playground.mmbench import read_predictions
from playground.mmbench.xlsx import read_xlsx, write_xlsx

HEAD = ["Index", "prediction", "A", "B", "C", "answer", "category", "L2-category", "split"]
ROWS = [
    [1, "B", "cat", "a <dog> & \"more\"", None, "B", "ocr", "finegrained_perception (instance-level)", "dev"],
    [1000001, "选 A\nbecause", 3, 4.5, "None", "A", "ocr", "finegrained_perception (instance-level)", "dev"],
    [2, None, "yes", "no", None, "A", "ocr", "finegrained_perception (instance-level)", "test"],
]  # fmt: skip


def written(tmp_path, kind: str):
    path = tmp_path / f"answers.{kind}"
    if kind == "xlsx":
        write_xlsx(path, [HEAD, *ROWS])
    elif kind == "jsonl":
        path.write_text("\n".join(json.dumps(dict(zip(HEAD, row, strict=True))) for row in ROWS))
    else:
        text = io.StringIO()
        csv.writer(text, delimiter="\t" if kind == "tsv" else ",").writerows([HEAD, *ROWS])
        path.write_text(text.getvalue(), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("kind", ["xlsx", "csv", "tsv", "jsonl"])
def test_every_kind_tells_the_same(tmp_path, kind):
    found = read_predictions(written(tmp_path, kind))
    assert found.problems == ()
    assert [(one.index, one.prediction) for one in found.rows] == [(1, "B"), (1000001, "选 A\nbecause"), (2, "")]
    assert [one.options for one in found.rows] == [
        (("A", "cat"), ("B", 'a <dog> & "more"')), (("A", "3"), ("B", "4.5"), ("C", "None")),
        (("A", "yes"), ("B", "no")),
    ]  # fmt: skip
    assert {one.l2_category for one in found.rows} == {"finegrained_perception (instance-level)"}
    assert [one.split for one in found.rows] == ["dev", "dev", "test"]
    assert [one.row for one in found.rows] == ([1, 2, 3] if kind == "jsonl" else [2, 3, 4])


def test_a_row_without_an_index_is_told_and_the_rest_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("index;prediction\n1;A\n;B\n1e3;C\n2;D;more\n3;D\n")
    found = read_predictions(path)
    assert [one.index for one in found.rows] == [1, 3]
    assert [(one.row, one.column) for one in found.problems] == [(3, "index"), (4, "index"), (5, "")]


def test_a_workbook_as_excel_writes_it(tmp_path):
    """Shared and rich texts, phonetics, gaps, booleans, errors, formulas, escapes, sheets in another order."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    rich = "<si><r><t>predic</t></r><r><t>tion</t></r><rPh><t>x</t></rPh></si>"
    shared = f"<si><t>index</t></si>{rich}<si><t>a_x000D_b</t></si>"
    sheets = '<sheets><sheet name="p" r:id="rId7"/><sheet name="q" r:id="rId1"/></sheets>'
    link = "<Relationship Id='rId{}' Target='{}'/>".format
    links = link(1, "worksheets/sheet1.xml") + link(7, "/xl/worksheets/sheet2.xml")
    sheet = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
        '<row r="3"><c r="A3"><v>0.30000000000000004</v></c><c r="B3" t="b"><v>1</v></c><c r="C3" t="s"><v>2</v></c>'
        '<c r="AA3" t="str"><f>1+1</f><v>two</v></c></row><row><c t="e"><v>#N/A</v></c><c><v>1E2</v></c></row>'
    )
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("xl/worksheets/sheet1.xml", f"<worksheet {main}><sheetData/></worksheet>")
        book.writestr("xl/worksheets/sheet2.xml", f"<worksheet {main}><sheetData>{sheet}</sheetData></worksheet>")
        book.writestr("xl/sharedStrings.xml", f"<sst {main}>{shared}</sst>")
        book.writestr("xl/workbook.xml", f'<workbook {main} xmlns:r="urn:r">{sheets}</workbook>')
        book.writestr("xl/_rels/workbook.xml.rels", f"<Relationships>{links}</Relationships>")
    rows = list(read_xlsx(path))
    assert rows[0] == (1, ["index", "", "prediction"])
    assert rows[1] == (3, ["0.30000000000000004", "True", "a\rb", *[""] * 23, "two"])
    assert rows[2] == (4, ["#N/A", "100"])


def test_what_is_no_file_of_predictions_is_refused(tmp_path, monkeypatch):
    def refused(name: str, content: bytes, what: str):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=what):
            read_predictions(tmp_path / name)

    refused("a.pkl", b"", "read from .xlsx, .csv, .tsv, .jsonl, not from 'a.pkl'")
    refused("a.xlsx", b"no zip", "a.xlsx is no Excel workbook")
    refused("a.csv", b"index,answer\n1,A\n", "no column prediction, only index, answer")
    refused("b.csv", b"index,prediction\n", "no row with an index and a prediction")
    refused("a.jsonl", b'{"index": 1, "answer": "A"}', "no line of a.jsonl has a prediction")
    monkeypatch.setattr("playground.mmbench.xlsx.MOST_UNPACKED", 4_000_000)
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/workbook.xml", " " * 5_000_000)
    refused("b.xlsx", book.getvalue(), "xl/workbook.xml unpacks to 5 MB, more than the 4 MB allowed")
    monkeypatch.setattr("playground.mmbench.predictions.MOST_ROWS", 2)
    refused("c.csv", b"index,prediction\n1,A\n2,A\n3,A\n", "more than the 2 rows allowed")
    refused("c.xlsx", b"0" * 20_000_001, "20.0 MB, more than the 20 MB allowed for Excel")
