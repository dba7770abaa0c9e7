"""The panel "Export": the first row as a diffusers scheduler, its snippet and its scheduler_config.json."""

from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground.diffusion import Exported, export_row
from playground.i18n import label, refusal, say
from playground.tabs.diffusion.settings import Settings
from playground.tabs.diffusion.words import row_names
from playground.tabs.files import place
from playground.tabs.progress import bar

__all__ = ["Exported", "lay_out", "show", "write_config"]

MOST = 4000  # characters of a config that are shown; a table of a thousand numbers is in the file


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    gr.Markdown(label("diffusion.export.lead"), elem_classes="pg-hint")
    w.export_verdict = gr.Markdown(elem_id="diffusion-export-verdict")
    w.export_snippet = gr.Markdown(elem_id="diffusion-export-snippet")
    with gr.Row(elem_classes="pg-buttons"):
        w.export_file = gr.Button(label("diffusion.export.file"), size="sm", elem_id="diffusion-export-file")
    w.export_config = gr.Markdown(elem_id="diffusion-export-config")


def show(settings: Settings, language: str) -> Generator[tuple[dict[str, Any], Exported | None]]:
    """The counterpart, or the library's sentence where there is none."""
    yield {"progress": bar(0, say(language, "diffusion.export.loading"))}, None
    row, name = settings.rows[0], row_names(settings.rows, language)[0]
    try:
        made = export_row(row, steps=settings.steps)
    except ValueError as error:
        sentence = say(language, "diffusion.export.none", row=name, why=refusal(language, error))
        yield {"progress": "", "export_verdict": sentence, "export_snippet": "", "export_config": ""}, None
        return
    yield {"progress": "", **_shown(name, settings.steps, made, language)}, made


def write_config(made: Exported, folder: Path) -> str:
    """The file that `from_pretrained` reads."""
    path = place(folder, "scheduler_config.json")
    path.write_text(made.config, encoding="utf-8")
    return str(path)


def _shown(name: str, steps: int, made: Exported, language: str) -> dict[str, Any]:
    words = {"row": name, "scheduler": made.scheduler, "steps": steps}
    verdict = say(language, "diffusion.export.verdict", **words)
    expects = say(language, f"diffusion.export.expects.{made.expects}")
    verdict += " " + say(language, "diffusion.export.network", expects=expects)
    if not made.fits:
        verdict += " " + say(language, "diffusion.export.other")
    config = made.config if len(made.config) <= MOST else made.config[:MOST] + "\n…"
    return {
        "export_verdict": verdict,
        "export_snippet": f"```python\n{made.snippet}```",
        "export_config": f"```json\n{config.rstrip()}\n```",
    }
