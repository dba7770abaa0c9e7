"""Files of predictions in the official columns, in every kind that is read."""

import csv
import io
import json
import zipfile

import pytest

from playground.mmbench import Question, read_predictions, score, write_sheet
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
    elif kind == "json":
        path.write_text(json.dumps([dict(zip(HEAD, row, strict=True)) for row in ROWS]))
    else:
        text = io.StringIO()
        csv.writer(text, delimiter="\t" if kind == "tsv" else ",").writerows([HEAD, *ROWS])
        path.write_text(text.getvalue(), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("kind", ["xlsx", "csv", "tsv", "json", "jsonl"])
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
    assert [one.row for one in found.rows] == ([1, 2, 3] if "json" in kind else [2, 3, 4])


@pytest.mark.parametrize(
    "text",
    [
        '{"1": "B", "1000001": 3, "2": null}',
        '{"1": {"prediction": "B"}, "1000001": {"Prediction": 3, "index": 9}, "2": {"prediction": NaN}}',
        '{"index": {"0": 1, "1": 1000001, "2": 2}, "prediction": {"0": "B", "1": 3, "2": null}}',  # as pandas writes it
        '\n [{"index": 1, "prediction": "B"}, {"index": "1000001", "prediction": 3}, {"index": 2.0}]',
    ],
)
def test_a_json_may_be_of_several_forms(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    found = read_predictions(tmp_path / "a.json")
    assert [(one.index, one.prediction) for one in found.rows] == [(1, "B"), (1000001, "3"), (2, "")]
    assert found.problems == ()


def test_an_entry_of_a_json_that_is_there_twice_is_kept_and_one_that_is_none_told(tmp_path):
    (tmp_path / "a.json").write_text('{"1": "B", "x": "C", "1": "D"}')
    found = read_predictions(tmp_path / "a.json")
    assert [(one.row, one.index, one.prediction) for one in found.rows] == [(1, 1, "B"), (3, 1, "D")]
    assert [(one.row, one.column) for one in found.problems] == [(2, "index")]
    (tmp_path / "b.json").write_text('[{"index": 1, "prediction": "B"}, 7, {"index": 2, "index": 3}]')
    found = read_predictions(tmp_path / "b.json")
    assert [one.index for one in found.rows] == [1]
    assert [(one.row, one.column) for one in found.problems] == [(2, ""), (3, "")]


def test_the_columns_of_the_official_service_are_enough(tmp_path):
    table = [["index", "prediction", *"ABCD"], [1, "(B)", *"wxyz"], [1000001, "z", *"zwxy"], [2, "A", *"pqrs"]]
    write_xlsx(tmp_path / "a.xlsx", table)
    questions = [
        Question(1, "?", tuple(zip("ABCD", "wxyz", strict=True)), "B"),
        Question(1000001, "?", tuple(zip("ABCD", "zwxy", strict=True)), "C"),
        Question(2, "?", tuple(zip("ABCD", "pqrs", strict=True)), "A"),
    ]
    found = score(read_predictions(tmp_path / "a.xlsx"), questions)
    assert [(one.index, one.letter, one.hit) for one in found.rows] == [
        (1, "B", True), (2, "A", True), (1000001, "A", False),
    ]  # fmt: skip
    assert found.problems == ()
    with pytest.raises(ValueError, match="cannot be scored without its answer"):
        score(read_predictions(tmp_path / "a.xlsx"))


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


MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="urn:r"'


def workbook(path, sheets, *, shared=""):
    """A workbook of sheets, each a state ("" for a shown one) and the XML of its rows."""
    names = "".join(
        f'<sheet name="s{i}" sheetId="{i}" r:id="rId{i}" {f"state={state!r}" if state else ""}/>'
        for i, (state, _) in enumerate(sheets)
    )
    links = "".join(f'<Relationship Id="rId{i}" Target="worksheets/s{i}.xml"/>' for i in range(len(sheets)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", f"<workbook {MAIN}><sheets>{names}</sheets></workbook>")
        book.writestr("xl/_rels/workbook.xml.rels", f"<Relationships>{links}</Relationships>")
        book.writestr("xl/sharedStrings.xml", f"<sst {MAIN}>{shared}</sst>")
        for i, (_, rows) in enumerate(sheets):
            book.writestr(f"xl/worksheets/s{i}.xml", f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>")
    return path


def line(*cells):
    return "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells) + "</row>"


HEADER, NOTES = line("index", "prediction"), line("read me")


@pytest.mark.parametrize(
    "sheets",
    [
        [("", "<row/>" + line("") + HEADER + line(1, "B"))],  # blank rows above the table
        [("hidden", HEADER + line(1, "C")), ("veryHidden", HEADER), ("", HEADER + line(1, "B"))],
        [("", NOTES), ("", ""), ("", HEADER + line(1, "B")), ("", HEADER + line(1, "D"))],
        [("hidden", HEADER + line(1, "B"))],  # where none is shown
    ],
)  # fmt: skip
def test_the_sheet_is_found(tmp_path, sheets):
    path = workbook(tmp_path / "a.xlsx", sheets)
    assert [(one.index, one.prediction) for one in read_predictions(path).rows] == [(1, "B")]


def test_cells_of_other_apps(tmp_path):
    """A rich text, a number and a date of the shared strings' kinds, no references, LibreOffice's booleans, errors."""
    shared = (
        "<si><t>index</t></si><si><r><rPr><b/></rPr><t>predic</t></r><r><t>tion</t></r></si>"
        "<si><r><t>the </t></r><r><t>cat</t></r><phoneticPr/><rPh><t>x</t></rPh></si>"
    )
    rows = (
        '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row><row><c><v>1.0</v></c><c t="s"><v>2</v></c></row>'
        '<row><c><v>2</v></c><c t="b"><v>0</v></c></row><row><c><v>3</v></c><c s="1"><v>45355</v></c></row>'
        '<row><c><v>4</v></c><c t="d"><v>2024-03-04</v></c></row><row><c t="e"><v>#REF!</v></c><c><v>5</v></c></row>'
        '<row><c t="str"><f>2+4</f><v>6</v></c><c t="e"><v>#N/A</v></c></row><row><c><v>7</v></c><c><f>A1</f></c></row>'
    )
    found = read_predictions(workbook(tmp_path / "a.xlsx", [("", rows)], shared=shared))
    assert [(one.index, one.prediction) for one in found.rows] == [
        (1, "the cat"), (2, "False"), (3, "45355"), (4, "2024-03-04"), (6, "#N/A"), (7, ""),
    ]  # fmt: skip
    assert [(one.row, one.column) for one in found.problems] == [(6, "index")]


def test_a_small_workbook_that_unpacks_to_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("playground.mmbench.xlsx.MOST_UNPACKED", 1_000_000)
    path = workbook(tmp_path / "a.xlsx", [("", HEADER + " " * 2_000_000)])
    with pytest.raises(ValueError, match=r"xl/worksheets/s0.xml unpacks to 2 MB, more than the 1 MB allowed"):
        read_predictions(path)
    levels = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "lol">{levels}]><worksheet {MAIN}><sheetData>&e9;</sheetData></worksheet>'
    path = workbook(tmp_path / "b.xlsx", [])
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("xl/workbook.xml", f'<workbook {MAIN}><sheets><sheet r:id="a"/></sheets></workbook>')
        book.writestr("xl/_rels/workbook.xml.rels", '<R><Relationship Id="a" Target="s.xml"/></R>')
        book.writestr("xl/s.xml", bomb)
    with pytest.raises(ValueError, match=r"b\.xlsx is no Excel workbook, or damaged"):
        read_predictions(path)


def test_what_is_no_file_of_predictions_is_refused(tmp_path, monkeypatch):
    def refused(name: str, content: bytes, what: str):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=what):
            read_predictions(tmp_path / name)

    refused("a.pkl", b"", "read from .xlsx, .csv, .tsv, .json, .jsonl, not from 'a.pkl'")
    refused("a.xls", b"", "'a.xls' is of another kind of Excel: open it there and save it as .xlsx")
    refused("e.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + b"...", "an old workbook or has a password: save it as .xlsx")
    refused("a.json", b'[{"index": 1', "a.json is no JSON, or cut off")
    refused("b.json", b"7", "neither a list of predictions nor an object")
    refused("c.json", b'[{"index": 1, "answer": "A"}]', "no entry of c.json has a prediction")
    refused("d.json", b"[" * 100_000, "d.json is no JSON, or cut off")
    write_xlsx(tmp_path / "d.xlsx", [["index", "prediction", "A", "a", "Prediction"], [1, "A", 2, 3, "B"]])
    refused("d.xlsx", (tmp_path / "d.xlsx").read_bytes(), "d.xlsx has two columns 'prediction': rename one")
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


def test_half_a_character_is_replaced_as_it_is_read(tmp_path):
    """What cut a text in two wrote JSON that no UTF-8 can hold; the report could not be written in the end."""
    path = tmp_path / "cut.jsonl"
    path.write_text(r'{"index": 1, "prediction": "B 猫\ud83d", "A": "x", "B": "y", "answer": "B"}', "utf-8")
    found = read_predictions(path)
    assert found.rows[0].prediction == "B 猫?"
    report = score(found)
    assert report.overall.circular.value == 1
    (tmp_path / "report.json").write_text(report.to_json(), "utf-8")
    write_sheet(tmp_path / "questions.csv", report.questions())
