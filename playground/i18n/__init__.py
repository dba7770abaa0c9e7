"""The app's words in English and Simplified Chinese: short ones in `<language>.json`, long in `<key>.<language>.md`.

`label(key)` is for Gradio's components, which the browser translates; `say(language, key)` for what Python writes;
`refusal(language, error)` for what a library refuses: its English sentence, or that of errors.<language>.json.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import gradio as gr

__all__ = ["ERRORS", "I18N", "TEXTS", "label", "language", "refusal", "say"]

HERE = Path(__file__).parent


def _texts(language: str) -> dict[str, str]:
    short: dict[str, str] = json.loads((HERE / f"{language}.json").read_text(encoding="utf-8"))
    long = {
        path.name.removesuffix(f".{language}.md"): path.read_text(encoding="utf-8")
        for path in HERE.glob(f"*.{language}.md")
    }
    return {**short, **long}


TEXTS: Mapping[str, Mapping[str, str]] = {"en": _texts("en"), "zh-CN": _texts("zh-CN")}
I18N = gr.I18n(**{name: dict(texts) for name, texts in TEXTS.items()})


# Patterns of the libraries' English sentences, and the same in Chinese with {} for each group.
KINDS = ("diffusion.schedule.", "flows.", "name.")  # of the words that an error may name
ERRORS: list[tuple[str, str]] = json.loads((HERE / "errors.zh-CN.json").read_text(encoding="utf-8"))


def label(key: str) -> str:
    """The text `key` as Gradio's marker, which the browser replaces by its language's. Raises `KeyError`."""
    if key not in TEXTS["en"]:
        raise KeyError(f"no text is called {key!r}")
    return I18N(key)  # Gradio's marker stands wherever a string may


def say(language: str, key: str, /, **values: object) -> str:
    """The text `key` in a language ("en", "zh-CN") with its {values} filled in. Raises `KeyError`."""
    return TEXTS[language][key].format(**values) if values else TEXTS[language][key]


def refusal(language: str, error: Exception) -> str:
    """The first line of an error as one sentence for a person: a model manager's table of models is for the log."""
    message = str(error).partition("\n")[0].rstrip(".")
    if language == "zh-CN":
        for pattern, chinese in ERRORS:
            if match := re.fullmatch(pattern, message, flags=re.DOTALL):
                words = TEXTS[language]
                names = [
                    next((words[k] for kind in KINDS if (k := kind + part) in words), part) for part in match.groups()
                ]
                return chinese.format(*names) + "。"
    return say(language, "error.prefix", message=message)


def language(request: gr.Request | None) -> str:
    """The language of who asks; `playground.server.Language` has put it into Accept-Language. English for the API."""
    accepted = (request.headers.get("accept-language") or "") if request is not None else ""
    return "zh-CN" if accepted.lower().startswith("zh") else "en"
