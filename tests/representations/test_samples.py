"""Tables of numbers as pairs: what is read, what is refused, and parts that keep to themselves."""

import csv

import numpy as np
import pytest
import torch

from playground.representations.estimate import estimate
from playground.representations.nonparametric import ksg_information
from playground.representations.pairs import pairs
from playground.representations.samples import example, load, normal_scores, samples


def table(folder, text):
    path = folder / "data.csv"
    path.write_text(text, encoding="utf-8")
    return path


def numbers(n=120, columns=4, seed=0, header=True, separator=","):
    rows = np.random.default_rng(seed).normal(size=(n, columns))
    head = [separator.join("abcdefghij"[:columns])] if header else []
    return rows, "\n".join([*head, *(separator.join(map(repr, row.tolist())) for row in rows)]) + "\n"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_are_read_as_they_are(tmp_path, header, separator):
    rows, text = numbers(header=header, separator=separator)
    path = table(tmp_path, text)
    usual = load(path)
    np.testing.assert_array_equal(usual.x, rows[:, :2])
    np.testing.assert_array_equal(usual.y, rows[:, 2:])
    assert usual.names_y == (("c", "d") if header else ("3", "4"))
    chosen = load(path, ["d"] if header else ["4"], ["a"] if header else ["1"])
    np.testing.assert_array_equal(chosen.x[:, 0], rows[:, 3])
    rest = load(path, y=["a"] if header else ["1"])
    np.testing.assert_array_equal(rest.x, rows[:, 1:])


def spoil(text, line, cell, value):
    lines = text.splitlines()
    cells = lines[line - 1].split(",")
    cells[cell] = value
    lines[line - 1] = ",".join(cells)
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: spoil(t, 7, 1, ""), "column b in row 7 is empty"),
        (lambda t: spoil(t, 7, 1, "nan"), "column b in row 7 holds 'nan', which is no finite number"),
        (lambda t: spoil(t, 7, 1, "oak"), "column b in row 7 holds 'oak'"),
        (lambda _: "\n".join(["a,b", *(f"red,{i}" for i in range(100))]), "column a holds text such as 'red'"),
        (lambda _: "a,b\n" + "\n".join(f"1,{i}" for i in range(100)), "column a is constant"),
        (lambda t: "\n".join(t.splitlines()[:2]), "the table has 1 rows: it must have 100 to 50,000"),
        (lambda _: "a\n1\n2", "the table has 1 columns: it must have 2 to 64"),
        (lambda _: "", "the file is empty"),
        (lambda t: t.replace("a,b", "b,b"), "two columns are called 'b'"),
        (lambda t: t + "1,2\n", "row 122 has 2 cells, and the first row has 4"),
        (lambda t: t + "9" * 5_000_000, "5.0 MB, more than the 5 MB allowed"),
    ],
)  # fmt: skip
def test_refused_tables(tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        load(table(tmp_path, change(numbers()[1])))


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (["z"], [], "no column is called 'z'; there are a, b, c, d"),
        (["a"], ["a", "b"], "column 'a' is in x and in y"),
        (["a", "b", "c", "d"], [], "no column is left for y"),
        ([], ["a", "b", "c", "d"], "no column is left for x"),
    ],
)
def test_refused_columns(tmp_path, x, y, words):
    with pytest.raises(ValueError, match=words):
        load(table(tmp_path, numbers()[1]), x, y)


def test_refused_bytes_and_arrays(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        load(path)
    good = np.random.default_rng(0).normal(size=(200, 2))
    with pytest.raises(ValueError, match=r"pairs of rows, not \(200, 2\) and \(199, 2\)"):
        samples(good, good[:-1])
    with pytest.raises(ValueError, match="column y1 is constant"):
        samples(good, np.ones(200))
    bad = good.copy()
    bad[4, 1] = np.inf
    with pytest.raises(ValueError, match="column x2 has no finite number in row 5"):
        samples(bad, good)


def test_normal_scores_forget_every_rising_map():
    x = np.random.default_rng(0).normal(size=(500, 3))
    scores = normal_scores(x)
    for curve in (np.exp, lambda v: v**3, lambda v: np.where(v > 0, 100 * v, v)):
        np.testing.assert_array_equal(normal_scores(curve(x)), scores)
    np.testing.assert_allclose(normal_scores(-x), -scores, atol=1e-12)
    assert abs(scores.std() - 1) < 0.01
    one, two = samples(x[:, :1], x[:, 1:]).ranked(), samples(np.exp(x[:, :1]), x[:, 1:] ** 3).ranked()
    assert ksg_information(one.x, one.y) == ksg_information(two.x, two.y)


def test_scaled():
    wide = samples(np.random.default_rng(0).normal(5, 9, (300, 2)), np.random.default_rng(1).normal(size=300)).scaled()
    np.testing.assert_allclose([wide.x.mean(), wide.x.std()], [0, 1], atol=1e-9)


def test_parts_share_no_row_and_a_batch_has_none_twice():
    n = 200
    parts = samples(np.arange(n, dtype=float), -np.arange(n, dtype=float)).parts(3)
    seen = []
    for part, size in ((parts.train, 100), (parts.check, 50), (parts.held, 50)):
        x, y = part.sample(size, torch.Generator().manual_seed(0))
        assert torch.equal(x, -y), "rows stay together"
        assert len(x.unique()) == size == part.rows
        assert part.information is None
        seen += x[:, 0].tolist()
        with pytest.raises(ValueError, match=f"more than the {size} rows"):
            part.sample(size + 1)
    assert sorted(seen) == list(range(n))


def test_the_example_is_a_table_whose_information_is_known(tmp_path):
    path = table(tmp_path, example(0.8))
    assert next(csv.reader(path.open(encoding="utf-8"))) == ["length", "weight"]
    known = load(path)
    assert ksg_information(known.x, known.y) == pytest.approx(0.8, abs=0.07)


def test_training_reads_rows_that_it_has_not_seen():
    """Noise learned by heart: on its own rows the critic finds a nat and more, on others nothing."""
    rng = np.random.default_rng(0)
    parts = samples(rng.normal(size=(160, 4)), rng.normal(size=(160, 4))).parts(0)
    options = {"steps": 400, "batch": 32, "hidden": 64, "lr": 3e-3}
    *_, known = estimate(parts.train, "info_nce", **options)
    *_, held = estimate(parts.train, "info_nce", **options, held=parts.held)
    *_, chosen = estimate(parts.train, "info_nce", **options, held=parts.held, check=parts.check)
    assert known.reading.median > 1
    assert held.reading.median < 0
    assert -0.15 < chosen.reading.median < 0.15, "the critic of the first steps is kept"


def test_information_of_a_table():
    x, y = pairs("half_cube", 0.5).sample(3000, torch.Generator().manual_seed(1))
    parts = samples(x.numpy(), y.numpy()).ranked().parts(0)
    *_, end = estimate(
        parts.train, "info_nce", steps=600, batch=128, hidden=48, lr=3e-3, held=parts.held, check=parts.check
    )
    assert end.reading.median == pytest.approx(0.5, abs=0.1)
    with pytest.raises(ValueError, match="a batch of 1,024 is more than the 750 rows of a part"):
        estimate(parts.train, "nwj", steps=1, batch=1024, held=parts.held)
