"""The Python of the panel "Evaluate": the same run, without a page."""

from pathlib import Path

from playground.tabs.mmbench import evaluate_set as sets
from playground.tabs.mmbench.evaluate_models import OTHER
from playground.tabs.mmbench.evaluate_settings import Settings

__all__ = ["program"]


def program(settings: Settings, _: str) -> list[str]:
    """A program that asks the same model the same questions, and goes on where it was stopped."""
    mini = settings.data == "mini"
    model = settings.source.strip() if settings.model == OTHER else settings.model
    told = mini or not settings.upload or sets.table(settings.upload).told > 0
    names = [*([] if mini else ["read_tsv"]), *(["score"] if told else [])]
    lines = ["from playground import answering"]
    lines += [f"from playground.mmbench import {', '.join(names)}"] if names else []
    lines += ["from playground.mmbench.mini import mini_benchmark"] if mini else []
    scoring = "predictions_from, " if told else ""
    lines += [
        f"from playground.mmbench.running import {scoring}run, write_predictions",
        "",
        *_questions(settings, told),
    ]
    lines += [
        f"who = answering.answerer_of({model!r})",
        "answering.download(who)",
        "model = who.spec.load() if who.spec else None",
        "answer, name = answering.answer_with(who, model, questions), answering.identity(who, questions)",
        "",
        "rows = []",
    ]
    loop = [
        f'for step in run(questions, answer, "answers", name=name, profile={settings.profile!r}):',
        "    rows += step.rows  # kept in the folder: run it again, and it goes on where it was",
        "    print(step.circular.calls, step.circular.passed, step.circular.failed)",
    ]
    if not told:  # what the file has of rotations, one pass after the other
        own = "[one for one in questions if one.index // 1_000_000 == number]"
        loop = ["for number in sorted({one.index // 1_000_000 for one in questions}):", f"    own = {own}"] + [
            "    " + line.replace("run(questions", "run(own") for line in loop
        ]
    lines += [*loop, "", 'write_predictions("predictions.xlsx", rows)']
    if told:
        lines += [
            f"report = score(predictions_from(rows, {model!r}), profile={settings.profile!r})",
            "print(report.markdown())",
        ]
    return lines


def _questions(settings: Settings, told: bool) -> list[str]:
    if settings.data == "mini":
        asked = f"mini_benchmark({settings.count}, seed={settings.seed}, language={settings.language!r})"
        return [f"questions = list({asked})"]
    path = Path(settings.upload).name or "mmbench.tsv"
    lines = ["problems = []", f"questions = list(read_tsv({path!r}, problems=problems))"]
    if told:
        lines.append("questions = [one for one in questions if one.index < 1_000_000]  # rotations are made again")
    if settings.part:
        lines.append(f"questions = [one for one in questions if one.split == {settings.part!r}]")
    if settings.first:
        lines.append(f"questions = questions[:{settings.first}]")
    return lines
