"""Files of questions: what is read is what was written, and what is wrong is told by row and column."""

import base64
import csv
import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from playground.mmbench import (
    Question,
    circular,
    open_picture,
    read_folder,
    read_jsonl,
    read_picture,
    read_tsv,
    write_folder,
    write_jsonl,
    write_tsv,
)
from playground.mmbench.tsv import records


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


RED, BLUE = png("red"), png("blue")
B64 = base64.b64encode(RED).decode()
HEAD = "index\tquestion\thint\tA\tB\tC\tanswer\tcategory\timage\tL2-category\tsplit\n"


def read(tmp_path, text: str | bytes, **options):
    path = tmp_path / "set.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    problems = []
    return list(read_tsv(path, problems=problems, **options)), problems


def told(problems):
    return [(one.row, one.column) for one in problems]


def question(index: int, **others) -> Question:
    options = (("A", "red"), ("B", "blue"), ("C", 'a "so-called"\tgreen'))
    l2 = "finegrained_perception (instance-level)"
    one = Question(index, "Which colour?", options, "B", "look\nwell", "ocr", l2, "dev", RED)
    return replace(one, **others)


def test_a_row_is_read_as_it_stands(tmp_path):
    row = f"7\tWhat is it?\t\t3\tNone of the above\t\tB\tocr\t{B64}\tfinegrained_perception (instance-level)\tdev\n"
    (one,), problems = read(tmp_path, b"\xef\xbb\xbf" + (HEAD + row).encode())
    assert problems == []
    assert (one.index, one.hint, one.answer, one.split) == (7, "", "B", "dev")
    assert one.options == (("A", "3"), ("B", "None of the above"))  # the empty C does not exist
    assert one.l2_category == "finegrained_perception (instance-level)"
    assert read_picture(one.picture) == RED
    assert open_picture(one.picture).getpixel((0, 0)) == (255, 0, 0)


def test_quotes_hold_tabs_lines_and_quotes_as_csv_has_them():
    table = [["a", "b"], ['x "y"', "tab\there"], ["two\nlines", ""], ["", '"'], ['middle "quote', "z"]]
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\r\n").writerows(table)
    data = text.getvalue().encode()
    found = list(records(io.BytesIO(data), b"\t", []))
    assert [[cell.decode() for cell in cells] for _, cells, _ in found] == table
    for _, cells, starts in found:  # each cell without quotes in it stands where it is said to
        for cell, start in zip(cells, starts, strict=True):
            assert b'"' in cell or data[start : start + len(cell)] == cell


@pytest.mark.parametrize("form", ["tsv", "jsonl", "folder"])
def test_what_is_written_is_read_back(tmp_path, form):
    write, read_back = {
        "tsv": (write_tsv, read_tsv), "jsonl": (write_jsonl, read_jsonl), "folder": (write_folder, read_folder),
    }[form]  # fmt: skip
    five = (("A", "1"), ("B", "2"), ("C", "3"), ("D", "4"), ("E", "up"))
    given = [question(1), question(2, picture=BLUE, options=five, answer="E"), question(3, answer=None, hint="")]
    rows = list(circular(given))
    write(tmp_path / form, rows)
    problems = []
    back = list(read_back(tmp_path / form, problems=problems))
    assert problems == []
    assert [read_picture(one.picture) for one in back] == [one.picture for one in rows]

    def facts(one):
        return (one.index, one.question, one.options, one.answer, one.hint, one.category, one.l2_category, one.split)

    assert [facts(one) for one in back] == [facts(one) for one in rows]
    if form == "tsv":  # each picture once, then by its index
        write(tmp_path / form, back)  # over the file that is read
        assert (tmp_path / form).read_text().count(B64) == 1
        assert read_picture(next(read_tsv(tmp_path / form)).picture) == RED


def test_rows_share_pictures_along_chains_forward_too(tmp_path):
    rows = [f"{i}\tq\t\ta\tb\t\tA\tocr\t{image}\t\t\n" for i, image in enumerate(("1", "2", B64, "9", "5", "4"))]
    found, problems = read(tmp_path, HEAD + "".join(rows))
    assert [read_picture(one.picture) for one in found[:3]] == [RED] * 3
    assert told(problems) == [(5, "image"), (6, "image"), (7, "image")]
    assert "no row has the index 9" in problems[0].text
    assert "lead back to index 4" in problems[1].text
    with pytest.raises(ValueError, match="no row has the index 9"):
        read_picture(found[3].picture)


def test_what_is_wrong_is_told_by_row_and_the_rest_goes_on(tmp_path):
    def row(index="1", a="a", b="b", answer="A", image=B64, tail="dev"):
        return f"{index}\tq\t\t{a}\t{b}\t\t{answer}\tocr\t{image}\t\t{tail}\n"

    text = HEAD + row() + row("x") + row("1") + row("2", answer="D") + row("3", b="") + row("4", image=B64[:-9])
    text += row("5", image=B64[:-8]) + row("6", image="nobody") + row("7", tail="dev\textra")
    text += row("8", image="") + "9\tq\t\ta\tb\n" + row("10.0")
    found, problems = read(tmp_path, text)
    assert [one.index for one in found] == [1, 2, 4, 5, 6, 8, 9, 10]
    assert told(problems) == [
        (3, "index"), (4, "index"), (5, "answer"), (6, "B"), (7, "image"), (8, "image"), (9, "image"), (10, ""),
        (11, "image"), (12, ""), (12, "image"),
    ]  # fmt: skip
    assert [one.text for one in problems if one.row == 8] == ["its picture is cut off"]  # whole base64, half a picture
    assert [one.picture is None for one in found] == [False, False, True, True, True, True, True, False]
    assert found[1].answer is None
    assert str(problems[0]) == "row 3, column index: 'x' is no whole number; the row is left out"
    unseen, problems = read(tmp_path, text, pictures=False)
    assert len(unseen) == len(found)
    assert (7, "image") not in told(problems)  # not decoded, not told


def test_a_quote_that_never_ends_costs_its_row_alone(tmp_path):
    rows = [f"{i}\tq\t{hint}\ta\tb\t\tA\tocr\t{B64}\t\tdev\n" for i, hint in enumerate(("", '"broken', ""))]
    found, problems = read(tmp_path, HEAD + "".join(rows))
    assert [one.index for one in found] == [0, 2]
    assert told(problems) == [(3, "")]


def test_rows_that_are_too_long_are_left_out(tmp_path, monkeypatch):
    for module in ("questions", "tsv"):
        monkeypatch.setattr(f"playground.mmbench.{module}.MOST_BYTES", 200)
    rows = [
        f"{i}\tq\t{hint}\ta\tb\t\tA\tocr\t\t\tdev\n" for i, hint in enumerate(("", "x" * 500, '"' + "y\n" * 300, ""))
    ]
    found, problems = read(tmp_path, HEAD + "".join(rows), pictures=False)
    assert [one.index for one in found] == [0, 3]
    assert "row is longer" in problems[0].text
    assert "quote that never ends" in problems[1].text
    texts = [json.dumps({"index": i, "question": "q" * n, "A": "a", "B": "b"}) for i, n in enumerate((9, 900, 9))]
    (tmp_path / "set.jsonl").write_text("\n".join(texts))
    problems = []
    assert [one.index for one in read_jsonl(tmp_path / "set.jsonl", problems=problems)] == [0, 2]
    assert told(problems) == [(2, "")]


def test_what_is_not_utf_8_is_marked(tmp_path):
    found, problems = read(
        tmp_path, HEAD.encode() + "1\t问题\t\t红\t蓝\t\tA\tocr\t\t\t\n".encode("gbk"), pictures=False
    )
    assert len(found) == 1
    assert told(problems) == [(2, "question"), (2, "A"), (2, "B")]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no column index"), (b"index,question,A,B\n", "no column index, only index,question"),
        (b"PK\x03\x04\x00\x00", "it is not text"), (b"index\tquestion\tA\n", "no column B"),
        (b"index\tquestion\tA\tB\tHint\thint\n", "two columns 'hint'"),
    ],
)  # fmt: skip
def test_what_is_no_tsv_is_refused(tmp_path, content, what):
    with pytest.raises(ValueError, match=what):
        read(tmp_path, content)


def test_lines_that_are_no_objects_and_pictures_outside_are_told(tmp_path):
    (tmp_path / "secret.png").write_bytes(RED)
    folder = tmp_path / "set"
    folder.mkdir()
    good = {"index": 1, "question": "q", "A": 1, "B": None, "C": "c", "answer": "C"}
    lines = [json.dumps(good), "[1]", "{", json.dumps(good | {"index": 2, "image": "../secret.png"}), json.dumps(good)]
    lines.append(json.dumps(good | {"index": 3, "image": 77}))
    (folder / "questions.jsonl").write_text("\n".join(lines))
    problems = []
    found = list(read_folder(folder, problems=problems))
    assert [one.options for one in found] == [(("A", "1"), ("C", "c"))] * 3
    assert told(problems) == [(2, ""), (3, ""), (4, "image"), (5, "index"), (6, "image")]


def test_names_that_no_file_can_have_cost_their_picture_alone(tmp_path):
    (tmp_path / "circle").symlink_to("circle")
    names = ("x" * 5000, "\0", "circle", "circle/x")
    lines = [json.dumps({"index": i, "question": "?", "A": "x", "B": "y", "image": one}) for i, one in enumerate(names)]
    (tmp_path / "questions.jsonl").write_text("\n".join(lines))
    problems = []
    assert [one.picture for one in read_folder(tmp_path, problems=problems)] == [None] * 4
    assert all("the folder has no picture" in one.text for one in problems)
    assert len(problems) == 4
