"""The program of the panel "Score a file": the same score in a few lines of the library."""

from pathlib import Path
from typing import Any

__all__ = ["program"]


def program(settings: Any, _: str) -> list[str]:
    """Lines that read the same file, ask the same judge and write the same report; the key is the environment's."""
    name = Path(settings.upload).name if settings.upload else "example.xlsx"
    imports, asked = ["from playground import mmbench"], ""
    given = [] if settings.upload else [f"write_example({name!r})"]
    imports += [] if settings.upload else ["from playground.mmbench.example_sheet import write_example"]
    given.append(f"predictions = mmbench.read_predictions({name!r})")
    if settings.upload_questions:
        asked = "questions"
        given.append("problems = []")
        given.append(
            f"questions = list(mmbench.read_tsv({Path(settings.upload_questions).name!r}, problems=problems, "
            "pictures=False))"
        )
    elif settings.mini:
        asked = "questions"
        imports.append("from playground.mmbench.mini import mini_benchmark")
        options = f"{settings.mini_count}, seed={settings.mini_seed}, language={settings.mini_language!r}"
        given.append(f"questions = list(mmbench.circular(mini_benchmark({options})))")
    more = ", problems=problems" if settings.upload_questions else ""
    judged: list[str] = []
    if settings.judge != "none":
        imports.append("from playground.mmbench.judge import judge_rows")
        more += ", verdicts=step.verdicts"
        judged = _judge(settings, imports, asked)
    return [
        *imports,
        "",
        *given,
        *judged,
        f"report = mmbench.score(predictions, {asked + ', ' if asked else ''}profile={settings.profile!r}{more})",
        "print(report.markdown())",
        'mmbench.write_sheet("result.xlsx", report.sheet())',
        'mmbench.write_sheet("questions.csv", report.questions())',
    ]


def _judge(settings: Any, imports: list[str], asked: str) -> list[str]:
    if settings.judge == "endpoint":
        imports[:0] = ["import os", ""]
        imports.append("from playground.mmbench.judge_endpoint import endpoint_judge")
        name = settings.model.strip()
        lines = [f'judge = endpoint_judge({settings.address.strip()!r}, {name!r}, os.environ.get("JUDGE_KEY", ""))']
    else:
        from playground.tabs.mmbench.judging import LOCAL

        source = settings.source.strip() or LOCAL[settings.local].source
        name = settings.source.strip() or settings.local
        imports.append("from playground.mmbench.judge_local import load_judge, local_judge")
        lines = [f"judge = local_judge(load_judge({source!r}))"]
    options = f"profile={settings.profile!r}, name={name!r}" + (', fallback="random"' if settings.fallback else "")
    return [
        *lines,
        f"for step in judge_rows(predictions, {asked or None}, judge, {options}):",
        "    print(step.done, step.total, step.newest)",
    ]
