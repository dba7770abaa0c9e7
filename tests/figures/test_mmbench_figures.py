"""The figures of the MMBench tab: what is drawn is what the report says, in its order, and no text breaks out."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from playground.figures import mmbench as figures
from playground.figures.mmbench_rows import broken, short

NAMES = {"cp": "Coarse perception", "ar": "Attribute reasoning", "style": "Image style", "ocr": "Text recognition"}
PARENTS = {"style": "cp", "ocr": "ar", "cp": "p", "ar": "r"}
ODD = "<a href='javascript:alert(1)'>x</a>"


def share(value, half=0.05):
    return SimpleNamespace(value=value, low=max(0.0, value - half), high=min(1.0, value + half))


def line(name, level, circular, vanilla, n=40, split="dev"):
    return SimpleNamespace(
        name=name, level=level, split=split, n=n, circular=share(circular), vanilla=share(vanilla)
    )  # fmt: skip


SCORES = (line("Overall", 0, 0.5, 0.7, 160), line("cp", 2, 0.6, 0.75), line("ar", 2, 0.4, 0.65, 120),
          line("style", 3, 0.6, 0.75), line("ocr", 3, 0.4, 0.65))  # fmt: skip


def said(figure):
    return str(figure.to_json())


def test_bars_stand_under_their_level_2_with_interval_and_vanilla():
    bar, mark = figures.bars(SCORES, NAMES, parents=PARENTS).data
    assert [row[0] for row in bar.customdata] == ["Overall", NAMES["cp"], NAMES["style"], NAMES["ar"], NAMES["ocr"]]
    assert list(bar.x) == [0.5, 0.6, 0.6, 0.4, 0.4]
    np.testing.assert_allclose(bar.error_x.array, 0.05)
    np.testing.assert_allclose(bar.error_x.arrayminus, 0.05)
    assert list(mark.x) == [0.7, 0.75, 0.75, 0.65, 0.65]
    assert list(mark.y) == list(bar.y)
    assert mark.marker.symbol.endswith("open")


def test_without_parents_levels_stand_one_after_the_other():
    (bar, _) = figures.bars(SCORES, NAMES).data
    assert [row[0] for row in bar.customdata] == ["Overall", *(NAMES[name] for name in ("cp", "ar", "style", "ocr"))]


@pytest.mark.parametrize("count", [1, 20])
def test_bars_of_one_and_of_twenty(count):
    figure = figures.bars([line(f"a{i}", 3, 0.5, 0.6) for i in range(count)], {})
    assert len(figure.layout.yaxis.ticktext) == len(figure.layout.meta["narrow"]["annotations"]) == count
    low, high = figure.layout.yaxis.range
    assert low > count - 1
    assert high < 0


def test_a_split_or_all_together():
    scores = [line("Overall", 0, 0.2, 0.3), line("Overall", 0, 0.4, 0.5, split="test"),
              line("Overall", 0, 0.3, 0.4, split=None)]  # fmt: skip
    report = SimpleNamespace(scores=tuple(scores))
    assert list(figures.bars(report, {}).data[0].x) == [0.3]
    assert list(figures.bars(report, {}, split="test").data[0].x) == [0.4]


def test_runs_stand_side_by_side_and_one_may_lack_an_ability():
    figure = figures.several_bars({"a": SCORES, "b": SCORES[:2]}, NAMES)
    first, _, second, _ = figure.data
    assert len(first.x) == 3
    assert len(second.x) == 2
    gap = second.y[0] - first.y[0]
    assert gap == pytest.approx(second.y[1] - first.y[1])
    assert gap >= first.width
    assert first.marker.color != second.marker.color
    assert sum(trace.name == "vanilla" and trace.showlegend for trace in figure.data) == 1


def test_radar_closes_its_lines_and_rings_chance():
    figure = figures.radar({"a": SCORES, "b": SCORES[:2]}, NAMES, chance={"cp": 0.004, "ar": 0.01})
    a, b, chance = figure.data
    assert list(a.r) == [0.6, 0.4, 0.6]
    assert list(a.theta) == [0, 180, 0]
    assert list(b.r) == [0.6, None, 0.6]
    assert list(chance.r) == [0.004, 0.01, 0.004]
    assert figure.layout.polar.bgcolor == "rgba(0,0,0,0)"


def test_radar_of_many_lists_its_names_below_on_a_phone():
    scores = [line(f"a{i}", 3, 0.5, 0.6) for i in range(20)]
    narrow = figures.radar({"a": scores}, {}, level=3).layout.meta["narrow"]
    assert list(narrow["polar"]["angularaxis"]["ticktext"]) == [str(i) for i in range(1, 21)]
    listed = "<br>".join(note["text"] for note in narrow["annotations"]).split("<br>")
    assert listed == [f"{i + 1} a{i}" for i in range(20)]


def test_no_run_draws():
    for figure in (figures.radar({}, {}), figures.several_bars({}, {}), figures.gaps([]), figures.letters({}),
                   figures.decided({}, {}), figures.difference([]), figures.live([], {})):  # fmt: skip
        assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_gaps_are_written_in_points():
    figure = figures.gaps([("a", share(0.743), share(0.62)), ("b", share(0.4), share(0.41))])
    texts = [note.text for note in figure.layout.annotations]
    assert texts == ["gap 12.3 points", "gap -1.0 points"]
    at = [(note.x, note.xanchor) for note in figure.layout.annotations]
    assert at == [(0.62, "right"), (0.41, "left")], "beside the line, where on a phone no name stands"
    vanilla, circular = figure.data[2:]
    assert list(vanilla.x) == [0.743, 0.4]
    assert list(circular.x) == [0.62, 0.41]


@pytest.mark.parametrize("count", range(1, 7))
def test_letters_have_a_chart_a_run(count):
    own = [SimpleNamespace(letter=one, predicted=p, answers=0.25, found=f)
           for one, p, f in zip("ABCD", (0.55, 0.2, 0.15, 0.1), (0.9, 0.3, 0.2, None), strict=True)]  # fmt: skip
    figure = figures.letters({f"run {i}": own for i in range(count)})
    assert len(figure.data) == 2 * count
    chosen, right = figure.data[-2:]
    assert list(chosen.y) == [0.55, 0.2, 0.15, 0.1]
    assert list(right.y) == [0.25] * 4
    assert right.customdata[0] == "90.0%"
    assert right.customdata[3] == "–"
    for layout in (figure.layout.to_plotly_json(), figure.layout.meta["narrow"]):
        boxes = [(*layout[f"xaxis{i}"]["domain"], *layout[f"yaxis{i}"]["domain"]) for i in ["", *range(2, count + 1)]]
        for i, (x0, x1, y0, y1) in enumerate(boxes):
            assert 0 <= x0 < x1 <= 1
            assert 0 <= y0 < y1 <= 1
            assert all(x1 < a0 or a1 < x0 or y1 < b0 or b1 < y0 for a0, a1, b0, b1 in boxes[:i]), "charts overlap"


def test_decided_sorts_rules_and_tells_the_unread():
    figure = figures.decided({"text": 30, "label": 60, "none": 10}, {"label": "a letter"}, unread={"none"})
    (bar,) = figure.data
    assert list(bar.x) == [0.6, 0.3, 0.1]
    assert list(bar.hovertext) == ["a letter", "text", "none"]
    assert bar.marker.color[0] == bar.marker.color[1] != bar.marker.color[2]
    assert bar.text[0] == "60 · 60.0%"


def test_difference_is_grey_where_its_interval_holds_0():
    def one(value, low, high):
        return SimpleNamespace(
            name_a="a", name_b="b", n=50, difference=SimpleNamespace(value=value, low=low, high=high)
        )

    figure = figures.difference([one(0.1, 0.02, 0.18), one(0.01, -0.03, 0.05), one(-0.2, -0.3, -0.1)])
    points = figure.data[-1]
    np.testing.assert_allclose(points.x, [10, 1, -20])
    assert points.marker.color[0] == points.marker.color[2] != points.marker.color[1]
    low, high = figure.layout.xaxis.range
    assert low == -high
    assert high > 30


def test_splits_are_the_table_of_mcnemar():
    figure = figures.splits(40, 13, 6, 41, ("a", "b"))
    cells = {(note.x, note.y): note.text for note in figure.layout.annotations}
    assert "<b>40</b>" in cells[0, 0]
    assert "<b>13</b>" in cells[1, 0], "b is wrong to the right: only a"
    assert "only a" in cells[1, 0]
    assert "<b>6</b>" in cells[0, 1]
    assert "only b" in cells[0, 1]
    assert "<b>41</b>" in cells[1, 1]
    assert "13.0%" in cells[1, 0]
    assert [list(row) for row in figure.data[0].text] == [
        ["both right: 40", "only a: 13"],
        ["only b: 6", "neither: 41"],
    ]


def test_guesser_marks_what_the_curves_say_where_it_stands():
    known = np.linspace(0, 1, 11)
    curves = [figures.Curve("vanilla", known + (1 - known) / 4, False),
              figures.Curve("circular", known + (1 - known) / 256, True)]  # fmt: skip
    figure = figures.guesser(known, curves, at=0.6, measured=[figures.Measured("blip", 0.4, 0.6, 0.45)])
    marks = [trace for trace in figure.data if trace.mode == "markers+text"]
    assert [trace.text[0] for trace in marks] == ["70.0%", "60.2%"]
    assert marks[0].y[0] == pytest.approx(0.6 + 0.4 / 4)
    (model,) = (trace for trace in figure.data if trace.name == "blip")
    assert list(model.x) == [0.4, 0.4]
    assert list(model.y) == [0.6, 0.45]
    assert figure.layout.shapes[0].x0 == 0.6


def test_one_question_frames_the_right_option_and_multiplies_its_picks():
    options = [["cat", "dog"], ["dog", "cat"]]
    figure = figures.one_question(options, [1, 0], np.array([[0.8, 0.2], [0.6, 0.4]]))
    for row, (shape, place) in enumerate(zip(figure.layout.shapes, (1, 0), strict=True)):
        assert shape.x0 < place < shape.x1
        assert shape.y0 < row < shape.y1
    texts = {(note.x, note.y): note.text for note in figure.layout.annotations[:4]}
    assert texts == {(0, 0): "cat<br>80%", (1, 0): "✓ dog<br>20%", (0, 1): "✓ dog<br>60%", (1, 1): "cat<br>40%"}
    assert figure.layout.annotations[4].text == "right in every pass: 12.0%"


def test_live_shows_what_is_right_open_and_wrong_and_is_light():
    tallies = [figures.Tally("style", 3, 5, 12), figures.Tally("ocr", 0, 0, 0)]
    passed, still, failed = figures.live(tallies, NAMES).data
    assert list(passed.x) == [0.15, 0.0]
    assert list(still.x) == [0.6, 0.0]
    assert list(failed.x) == [0.25, 0.0]
    many = [figures.Tally(f"a{i}", i, 20 - i, 10) for i in range(20)]
    times = []
    for _ in range(9):
        begin = time.process_time()
        figures.live(many, {}).to_json()
        times.append(time.process_time() - begin)
    assert min(times) < 0.015, "three frames a second leave the processor to the model"


def test_no_name_becomes_a_link():
    other = [line(ODD, 2, 0.4, 0.5)]
    drawn = [
        figures.radar({ODD: other}, {}), figures.several_bars({ODD: other, "b": other}, {}),
        figures.gaps([(ODD, share(0.5), share(0.4))]), figures.letters({ODD: [SimpleNamespace(
            letter="A", predicted=1.0, answers=1.0, found=1.0)]}),
        figures.decided({ODD: 1}, {}), figures.live([figures.Tally(ODD, 1, 1, 1)], {}),
        figures.difference([SimpleNamespace(name_a=ODD, name_b=ODD, n=1, difference=share(0.1))]),
        figures.splits(1, 2, 3, 4, (ODD, ODD)),
        figures.guesser(np.array([0.0, 1]), [], measured=[figures.Measured(ODD, 0.1, 0.2, 0.3)]),
        figures.one_question([[ODD, "b"], ["b", ODD]], [0, 1], np.full((2, 2), 0.5)),
    ]  # fmt: skip
    for figure in drawn:
        text = said(figure)
        assert "&lt;" in text.replace("\\u0026", "&")
        assert "<a " not in text.replace("\\u003c", "<")


def test_texts_are_cut_by_their_width():
    assert short("abcdef", 6) == "abcdef"
    assert short("abcdefg", 6) == "abcde…"
    assert short("细粒度感知", 10) == "细粒度感知"
    assert short("细粒度感知力", 10) == "细粒度感…"
    assert broken("Fine-grained perception, several objects", 18) == "Fine-grained<br>perception,<br>several objects"
    assert broken("细粒度感知跨实例", 10).split("<br>") == ["细粒度感知", "跨实例"]
    assert broken("a & b", 10) == "a &amp; b"


def test_words_replace_the_english_ones():
    figure = figures.live([figures.Tally("style", 1, 1, 1)], NAMES, words={"passed": "全部答对"})
    assert figure.data[0].name == "全部答对"
    assert figure.data[1].name == figures.WORDS["open"]
