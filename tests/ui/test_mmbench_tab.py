"""The MMBench tab in a real browser: a model is evaluated, a file scored and judged, answers read and runs compared."""

import base64
import json
import re
from contextlib import contextmanager
from functools import partial

import pytest
import visits
from mmbench.judge_stand_in import StandIn, chat, running  # tests/mmbench
from PIL import Image
from visits import download, holds, says, toast

from playground.mmbench import PROFILES, explain_choice, read_predictions, score
from playground.mmbench.example_sheet import write_example
from playground.mmbench.tricky import TRICKY
from playground.mmbench.xlsx import read_xlsx

visit = partial(visits.visit, tab="mmbench", still=True)
OPENING = {
    "evaluate": "#mmbench-evaluate-bars",
    "score": "#mmbench-score-bars",
    "lab": "#mmbench-lab-reading .pg-r-letter",
    "leaderboard": "#mmbench-leaderboard-splits",
    "why": "#mmbench-why-guess",
}
MANY = 500  # questions of a run that a click stops in time
KEY = "sk-nobody-may-see-this"
# Texts in sight that are the page's own words: not questions, options and answers, names, code and controls' values.
WORDS = """() => {
    const walker = document.createTreeWalker(document.getElementById('mmbench-panels'), NodeFilter.SHOW_TEXT);
    const given = '.pg-q-question, .pg-q li span, .pg-q-answer, td, code, textarea, style, script, #mmbench-why-picks';
    const found = [];
    while (walker.nextNode()) {
        const node = walker.currentNode, parent = node.parentElement;
        if (node.data.trim() && parent.checkVisibility() && !parent.closest(given)) found.push(node.data.trim());
    }
    return found;
}"""


def drawn(panel):
    return OPENING[panel] + ("" if panel == "lab" else " .pg-plotly[data-ready=true]")


def open_panel(open_page, app_url, panel, query="", **look):
    return visit(open_page, app_url, f"panel={panel}&{query}", ready=f"{drawn(panel)}:visible", **look)


def open_phone(open_page, app_url, panel, query=""):
    """The panel on a phone, with something to see and nothing beside the page; the first one has its baseline."""
    page = open_panel(open_page, app_url, panel, query, mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.locator(f"[id^=mmbench-{panel}-] .pg-plotly:visible:not([data-ready=true])").count() == 0
    return page


def text(page, name):
    return page.locator(f"#mmbench-{name}").inner_text()


def table(page, name):
    """The cells of a table, without those of buttons."""
    rows = page.locator(f"#mmbench-{name} tbody tr").all()
    return [row.locator("td:not(:has(button))").all_inner_texts() for row in rows]


def number(page, name, value):
    """A number, written into a slider's box."""
    page.fill(f"#mmbench-{name} input[type=number]", str(value))
    page.locator(f"#mmbench-{name} input[type=number]").blur()


def saved(page, button, folder):
    """The path of what a button saves."""
    found = download(page, f"#mmbench-{button}")
    found.save_as(folder / found.suggested_filename)
    return folder / found.suggested_filename


def open_tab(page, panel):
    page.click(f"#mmbench-panels [role=tab][id*='{panel}']")
    page.wait_for_selector(f"{drawn(panel)}:visible")


@contextmanager
def judge():
    """An endpoint that reads B in everything."""
    server = StandIn()
    server.answers = [(200, {}, chat("B"))]
    with running(server):
        yield server


def test_panels_are_drawn_when_they_are_opened_and_speak_chinese(open_page, app_url):
    page = open_panel(open_page, app_url, "evaluate", lang="zh-CN")
    page.click("#mmbench-python > button")
    for panel, line in {
        "evaluate": "mini_benchmark(130, seed=0, language='en')", "score": "write_example", "lab": "judge_prompt",
        "leaderboard": "board_markdown", "why": "bias import expected",
    }.items():  # fmt: skip
        open_tab(page, panel)
        says(page, "mmbench-code", line)
        visits.settled(page, "mmbench")
        said = page.evaluate(WORDS)
        assert sum(bool(re.search("[\u4e00-\u9fff]", one)) for one in said) > 25, panel
        assert [one for one in said if re.search(r"(?:[A-Za-z]{2,}[ ,;:]+){2}[A-Za-z]{2,}", one)] == [], panel


def test_a_model_is_evaluated_looked_at_saved_kept_and_compared(open_page, app_url, tmp_path):
    page = open_panel(open_page, app_url, "evaluate", "count=13")
    says(page, "mmbench-evaluate-status", "The first of the 13 questions")
    assert page.locator("#mmbench-evaluate-keep").is_hidden()
    page.click("#mmbench-evaluate-run")
    says(page, "mmbench-evaluate-status", "clip-world was asked 13 questions")
    visits.settled(page, "mmbench")
    assert table(page, "evaluate-table")[0][:2] == ["Overall", "13"]
    page.wait_for_selector(f"{drawn('evaluate')}:visible")
    assert page.locator("#mmbench-stop").is_hidden()

    says(page, "mmbench-evaluate-looked-at", "#0")
    number(page, "evaluate-position", 3)
    says(page, "mmbench-evaluate-looked-at", "#2")
    page.click("#mmbench-evaluate-outcome label:has-text('Failed')")
    says(page, "mmbench-evaluate-looked-at", "Wrong in a pass")
    failed = int(text(page, "evaluate-found").split()[4])
    assert 0 < failed < 13

    said = read_xlsx(saved(page, "evaluate-predictions-xlsx", tmp_path))
    calls = int(re.search(r"in (\d+) calls", text(page, "evaluate-status"))[1])
    assert len(list(said)) == 1 + calls
    _, (_, (_, overall)), *_ = read_xlsx(saved(page, "evaluate-save_sheet", tmp_path))
    assert float(overall) == pytest.approx(100 * (1 - failed / 13), abs=0.05)

    page.click("#mmbench-evaluate-keep")
    says(page, "mmbench-evaluate-kept", "Kept in the leaderboard")
    open_tab(page, "leaderboard")
    says(page, "mmbench-leaderboard-board", "mini, 13, en, seed 0")
    line = page.locator("#mmbench-leaderboard-board tr", has_text="mini, 13, en, seed 0")
    assert line.locator("td").first.inner_text() == "clip-world (2)"
    line.locator("button").click()
    # The record was made by the same model, so that the two are alike.
    says(page, "mmbench-leaderboard-verdict", "On the 13 questions of both, clip-world (2) less clip-world is +0.0")

    page.click("#mmbench-leaderboard-mine > button")
    page.click("#mmbench-leaderboard-own input")
    page.click("[role=option]:has-text('clip-world (2)')")
    page.fill("#mmbench-leaderboard-name input, #mmbench-leaderboard-name textarea", "<b>mine</b>")
    page.click("#mmbench-leaderboard-rename")
    says(page, "mmbench-leaderboard-board", "<b>mine</b>")
    page.click("#mmbench-leaderboard-forget")
    page.wait_for_function(
        "!document.getElementById('mmbench-leaderboard-board').innerText.includes('mini, 13, en, seed 0')"
    )


def test_a_link_says_what_is_wrong_and_a_run_is_stopped_and_goes_on(open_page, app_url, tmp_path):
    page = visit(open_page, app_url, "data=tsv&seed=-1", ready="#mmbench-evaluate-question article")
    assert "seed" in toast(page)
    # Of the file's own questions, for so many of the mini benchmark would have to be drawn first.
    Image.new("RGB", (4, 4), "red").save(tmp_path / "red.png")
    picture, path = base64.b64encode((tmp_path / "red.png").read_bytes()).decode(), tmp_path / "own.tsv"
    lines = [f"{i}\tWhich is {i}?\tred\tblue\tgreen\tblack\t{'ABCD'[i % 4]}\t{picture}" for i in range(MANY)]
    path.write_text("\n".join(["index\tquestion\tA\tB\tC\tD\tanswer\timage", *lines]))
    page.set_input_files("#mmbench-evaluate-upload input[type=file]", str(path))
    says(page, "mmbench-evaluate-status", f"own.tsv: {MANY} questions are ready")
    page.click("#mmbench-evaluate-run")
    visits.stop_at_once(page, "mmbench", "Pass 1")
    says(page, "mmbench-progress", "Stopped")
    says(page, "mmbench-evaluate-status", "Run goes on from here")
    assert page.locator("#mmbench-stop").is_hidden()
    page.click("#mmbench-evaluate-run")
    says(page, "mmbench-evaluate-status", f"clip-world was asked {MANY} questions")
    assert int(re.search(r"(\d+) of the answers were there", text(page, "evaluate-status"))[1]) >= 16


def test_a_tsv_is_evaluated(open_page, app_url):
    page = open_panel(open_page, app_url, "evaluate", "model=chance")
    page.click("#mmbench-evaluate-data label:has-text('TSV')")
    says(page, "mmbench-evaluate-status", "Upload a TSV")
    assert page.locator("#mmbench-evaluate-count").is_hidden()
    page.click("#mmbench-evaluate-run")
    assert "upload a TSV first" in toast(page)
    page.click("#mmbench-evaluate-example")
    says(page, "mmbench-evaluate-status", "example.tsv: 26 questions are ready")
    page.click("#mmbench-evaluate-run")
    says(page, "mmbench-evaluate-status", "was asked 26 questions")


def test_the_example_is_scored_and_saved(open_page, app_url, tmp_path):
    write_example(tmp_path / "example.xlsx")
    robust, official = (score(read_predictions(tmp_path / "example.xlsx"), profile=one) for one in PROFILES)
    page = open_phone(open_page, app_url, "score")
    says(page, "mmbench-score-note", "An example, not a measurement")
    says(page, "mmbench-score-verdict", f"Circular {robust.overall.circular.value:.1%}")
    page.click("#mmbench-score-example")
    says(page, "mmbench-score-note", "example.xlsx is here")
    assert len(table(page, "score-first")) == 8
    page.click("#mmbench-score-run")
    says(page, "mmbench-score-verdict", f"Circular {robust.overall.circular.value:.1%}")
    sheet = saved(page, "score-save_sheet", tmp_path)
    found = [[cell if isinstance(cell, str) else f"{cell:g}" for cell in row] for row in robust.sheet()]
    assert [row for _, row in read_xlsx(sheet)] == found
    page.click("#mmbench-score-profile label:has-text('vlmevalkit')")
    says(page, "mmbench-score-verdict", "profile vlmevalkit")
    says(page, "mmbench-score-verdict", f"Circular {official.overall.circular.value:.1%}")
    first = table(page, "score-failed")[0][0]
    page.locator("#mmbench-score-failed button").nth(1).click()
    index = table(page, "score-failed")[1][0]
    says(page, "mmbench-score-card", f"#{index}")
    assert index != first


def test_a_wrong_file_is_refused_the_next_one_is_judged_and_the_key_is_nowhere(open_page, app_url, tmp_path):
    wrong, right = tmp_path / "wrong.csv", tmp_path / "right.csv"
    wrong.write_text("question,answer\nWhich?,A\n")
    right.write_text(
        "index,question,A,B,answer,category,prediction\n"
        "1,Which animal?,cat,dog,A,image_style,A\n1000001,Which animal?,dog,cat,B,image_style,It has fur.\n"
    )
    with judge() as server:
        query = f"judge=endpoint&audit=0&model=stand-in&address={server.address}"
        page = open_panel(open_page, app_url, "score", query)
        box = "#mmbench-score-upload input[type=file]"
        page.set_input_files(box, str(wrong))
        refused = toast(page)
        assert "wrong.csv" in refused
        assert "index" in refused
        page.click("#mmbench-score-upload [aria-label=Clear]")
        page.set_input_files(box, str(right))
        says(page, "mmbench-score-note", "right.csv is here")
        page.fill("#mmbench-score-key input", KEY)
        page.click("#mmbench-score-run")
        says(page, "mmbench-score-judged", "Judge stand-in: the rules decided 50.0%")
        says(page, "mmbench-score-verdict", "Circular 100.0%")
    assert [headers["Authorization"] for _, headers, _ in server.asked] == [f"Bearer {KEY}"]
    page.click("#mmbench-python > button")
    says(page, "mmbench-code", "JUDGE_KEY")
    page.click("#mmbench-save > button")
    page.click("#mmbench-link")
    holds(page, "mmbench-link-box", "model=stand-in")
    record = download(page, "#mmbench-json").path().read_text("utf-8")
    assert json.loads(record)["decided"]["judge"] == 1
    link = page.locator("#mmbench-link-box").locator("input, textarea").input_value()
    for one in (text(page, "code"), link, record, page.url, page.evaluate("document.body.innerText")):
        assert KEY not in one
        assert KEY[:8] not in one


def test_the_lab_reads_an_answer_by_both_profiles_and_fills_in_a_case(open_page, app_url):
    page = open_phone(open_page, app_url, "lab")
    page.fill("#mmbench-lab-options textarea", "cat\ndog\nowl")
    page.fill("#mmbench-lab-answer textarea", "Not B, but <i>C</i>")
    page.click("#mmbench-lab-read")
    says(page, "mmbench-lab-reading", "Not B, but <i>C</i>")
    letters = page.locator("#mmbench-lab-reading .pg-r-letter").all_inner_texts()
    readings = [explain_choice("Not B, but <i>C</i>", ["cat", "dog", "owl"], one).letter for one in PROFILES]
    assert [one.split()[0] for one in letters] == [one or "–" for one in readings]
    page.click("#mmbench-lab-judge > button")
    holds(page, "mmbench-lab-prompt", "Not B, but")
    row = page.locator("#mmbench-lab-cases tr", has_text=TRICKY[8].answer).first
    row.locator("button").click()
    holds(page, "mmbench-lab-answer", TRICKY[8].answer)
    holds(page, "mmbench-lab-options", "Yes\nNo")
    says(
        page, "mmbench-lab-verdict", "The profiles differ. robust: no letter; vlmevalkit: A. A person reads: no letter."
    )
    page.fill("#mmbench-lab-options textarea", "only one")
    page.locator("#mmbench-lab-options textarea").blur()
    assert "there must be 2 to 26 options" in toast(page)


def test_a_question_of_the_leaderboard_is_looked_at_and_a_link_brings_it_back(open_page, app_url):
    page = open_phone(open_page, app_url, "leaderboard", "side=only_b&drawn=shipped/clip-world")
    index = table(page, "leaderboard-listed")[2][0].replace(",", "")
    page.locator("#mmbench-leaderboard-listed button").nth(2).click()
    says(page, "mmbench-leaderboard-cards", f"#{index}")
    cards = page.locator("#mmbench-leaderboard-cards article")
    assert [one.split()[0] for one in cards.locator(".pg-q-verdict").all_inner_texts()] == ["Wrong", "Right"]
    assert cards.locator("img").count() == 2
    page.click("#mmbench-leaderboard-published input")
    says(page, "mmbench-leaderboard-sources", "Published figures")
    page.click("#mmbench-save > button")
    page.click("#mmbench-link")
    holds(page, "mmbench-link-box", f"question={index}")
    link = page.locator("#mmbench-link-box").locator("input, textarea").input_value()
    again = visits.visit(open_page, app_url, link.partition("?")[2], ready=f"{drawn('leaderboard')}:visible")
    says(again, "mmbench-leaderboard-cards", f"#{index}")
    says(again, "mmbench-leaderboard-sources", "Published figures")
    assert again.locator("#mmbench-leaderboard-cards .pg-q-verdict").all_inner_texts() == (
        cards.locator(".pg-q-verdict").all_inner_texts()
    )


def test_why_circular_follows_its_sliders_and_shows_a_question(open_page, app_url):
    page = open_phone(open_page, app_url, "why")
    says(page, "mmbench-why-told", "Question 0")
    before = page.locator("#mmbench-why-guess .pg-plotly").get_attribute("data-draws")
    page.locator("#mmbench-why-known input[type=range]").focus()
    page.keyboard.press("End")
    says(page, "mmbench-why-verdict", "Vanilla 100.0%, circular 100.0%")
    page.wait_for_function(
        "n => document.querySelector('#mmbench-why-guess .pg-plotly').dataset.draws !== n", arg=before
    )
    number(page, "why-known", 0)
    number(page, "why-preference", 0)
    says(page, "mmbench-why-verdict", "Vanilla 25.0%, circular 0.4%")
    page.click("#mmbench-why-lucky")
    page.wait_for_function("!document.getElementById('mmbench-why-told').innerText.includes('Question 0:')")
    visits.settled(page, "mmbench")
    marks = page.locator("#mmbench-why-card .pg-q-turn h4 span").all_inner_texts()
    assert marks[0] == "✓"
    assert set(marks[1:]) == {"✗"}
