"""Questions about several pictures: read, checked and written in every form."""

import base64
import csv
import io
import json
import random

import pytest
from PIL import Image

from playground.mmbench import (
    Question,
    circular,
    read_folder,
    read_jsonl,
    read_picture,
    read_tsv,
    write_folder,
    write_jsonl,
    write_tsv,
)

HEAD = ["index", "question", "A", "B", "answer", "image", "category"]


def png(seed: int) -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", (8, 8), random.Random(seed).randbytes(192)).save(file, "PNG")
    return file.getvalue()


PNGS = [png(i) for i in range(4)]
TEXTS = [base64.b64encode(one).decode() for one in PNGS]


def read(path, images, quoting=csv.QUOTE_MINIMAL, **options):
    with path.open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t", quoting=quoting, lineterminator="\n")
        table.writerow(HEAD)
        table.writerows([i, "How many cats?", "1", "2", "B", image, "ocr"] for i, image in enumerate(images))
    problems = []
    return list(read_tsv(path, problems=problems, **options)), problems


def shown(question: Question) -> list[bytes]:
    return [] if question.picture is None else list(map(read_picture, (question.picture, *question.more_pictures)))


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("write", [str, json.dumps, lambda texts: json.dumps(texts, indent=1), tuple])
def test_a_list_as_python_or_json_writes_it(tmp_path, write, quoting):
    cells = [write(TEXTS[:3]), TEXTS[3], write(TEXTS[1:2])]
    if write is tuple:  # another kind of list is none
        found, problems = read(tmp_path / "a.tsv", cells[:1], quoting)
        assert found[0].picture is None
        assert [(one.row, one.column) for one in problems] == [(2, "image")]
        return
    found, problems = read(tmp_path / "a.tsv", cells, quoting)
    assert problems == []
    assert [shown(one) for one in found] == [PNGS[:3], [PNGS[3]], [PNGS[1]]]


def test_quotes_that_are_not_doubled(tmp_path):
    path, problems = tmp_path / "a.tsv", []
    path.write_text("\t".join(HEAD) + f"\n1\tq\ta\tb\tA\t{json.dumps(TEXTS[:2])}\tocr\n")
    assert [shown(one) for one in read_tsv(path, problems=problems)] == [PNGS[:2]]
    assert problems == []


def test_names_in_a_folder_may_hold_quotes(tmp_path):
    names = ["d'or.png", 'so "called".png', "图.png"]
    for name, content in zip(names, PNGS, strict=False):
        (tmp_path / name).write_bytes(content)
    cells = {"index": 1, "question": "q", "A": "a", "B": "b", "image": names}
    (tmp_path / "questions.jsonl").write_text(json.dumps(cells))
    assert [shown(one) for one in read_folder(tmp_path)] == [PNGS[:3]]


def test_a_damaged_one_is_told_by_row_column_and_number(tmp_path):
    cut = [TEXTS[0], TEXTS[1][:-9], TEXTS[2]]
    images = [str(cut), str(TEXTS[:2])[:-30], "['a', 'b']", str(TEXTS[:2]), "['" + "x" * 70 + "', 7]", "0"]
    found, problems = read(tmp_path / "a.tsv", images)
    assert [len(shown(one)) for one in found[:5]] == [0, 0, 0, 2, 0]
    assert [one.more_pictures == () for one in found] == [True, True, True, False, True, True]
    assert [(one.row, one.column) for one in problems] == [(row, "image") for row in (2, 3, 4, 6, 7)]
    assert problems[4].text == "the row of index 0, whose picture this should be, has none"
    assert problems[0].text.startswith("picture 2 of 3: its base64 is damaged or cut off")
    lines = [{"index": i, "question": "q", "A": "a", "B": "b", "image": one} for i, one in enumerate((cut, TEXTS[:2]))]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    problems = []
    found = list(read_jsonl(tmp_path / "a.jsonl", problems=problems))
    assert [shown(one) for one in found] == [[], PNGS[:2]]
    assert problems[0].text.startswith("picture 2 of 3: its base64 is damaged or cut off")


def test_rows_share_several_pictures(tmp_path):
    found, problems = read(tmp_path / "a.tsv", ["1", str(TEXTS[:2]), "1", "2"])
    assert [shown(one) for one in found] == [PNGS[:1], PNGS[:2], PNGS[:2], PNGS[:2]]
    assert [str(one) for one in problems] == [
        "row 2, column image: its pictures are those of a row further down; only the first is read"
    ]


@pytest.mark.parametrize("form", ["tsv", "jsonl", "folder"])
def test_what_is_written_is_read_back(tmp_path, form):
    write, read_back = {
        "tsv": (write_tsv, read_tsv), "jsonl": (write_jsonl, read_jsonl), "folder": (write_folder, read_folder),
    }[form]  # fmt: skip
    options = (("A", "one"), ("B", "two"))
    given = [
        Question(1, "?", options, "A", picture=PNGS[0], more_pictures=(PNGS[1], PNGS[2])),
        Question(2, "?", options, "A", picture=PNGS[0]),
        Question(3, "?", options, "B", picture=PNGS[0], more_pictures=(PNGS[2], PNGS[1])),
    ]
    rows = list(circular(given))
    write(tmp_path / "first", rows)
    problems = []
    back = list(read_back(tmp_path / "first", problems=problems))
    write(tmp_path / "second", back)
    for found in (back, list(read_back(tmp_path / "second", problems=problems))):
        assert [(one.index, shown(one)) for one in found] == [
            (one.index, [one.picture, *one.more_pictures]) for one in rows
        ]
    assert problems == []
    if form == "tsv":  # the rotations refer to their question, and upstream finds a list as Python writes it
        assert (tmp_path / "first").read_text().count(TEXTS[2]) == 2
        assert str([TEXTS[0], TEXTS[1], TEXTS[2]]) in (tmp_path / "first").read_text()
    with pytest.raises(ValueError, match="question 9: its picture has 3 bytes"):
        write(tmp_path / "third", [Question(9, "?", options, picture=b"abc", more_pictures=(PNGS[0],))])
