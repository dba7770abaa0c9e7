"""The CLIP tab's public endpoints, which are MCP tools too: `classify` and `search`."""

from typing import Any

import gradio as gr

from playground import catalog, clip, world
from playground.manager import ModelManager
from playground.tabs.clip.models import fetched, leased
from playground.tabs.clip.search import FIRST
from playground.tabs.clip.settings import MOST_LABELS, Settings
from playground.tabs.pictures import decoded
from playground.world.figures import pictures_of

__all__ = ["build"]

MOST_FOUND = 50


def build(manager: ModelManager) -> None:
    """Offer `/classify` and `/search`, on the page's manager."""

    def classify(
        image: str, labels: list[str], templates: list[str] | None = None, model: str = "clip-world"
    ) -> dict[str, Any]:
        """Classify a picture by labels in words, zero-shot, with CLIP.

        Args:
            image: the picture, as a data URL or plain base64 of a PNG, JPEG or WebP file of at most 20 MB.
            labels: what it may be, 1 to 200 texts; clip-world knows still lifes such as "a red sphere".
            templates: sentences with {} in the place of a label, for instance "a photo of {}"; bare labels by default.
            model: a name of the app's picker; clip-world ships with the app.
        """
        try:
            if len(labels) > MOST_LABELS:
                raise ValueError(f"labels must be 1 to {MOST_LABELS}, not {len(labels)}")
            picture = decoded(image)
            Settings(labels="\n".join(labels), templates="\n".join(templates or ["{}"]))
            fetched(_known(model))
            with leased(manager, _known(model)) as loaded:
                result = clip.zero_shot(loaded, [picture], labels, templates)
        except (ValueError, OSError, MemoryError) as error:
            raise gr.Error(f"{error}.", print_exception=False) from error
        return {
            "label": labels[int(result.cosines[0].argmax())],
            "probabilities": dict(zip(labels, result.probabilities[0].tolist(), strict=True)),
            "cosines": dict(zip(labels, result.cosines[0].tolist(), strict=True)),
        }

    def search(words: str, count: int = 5, pictures: int = 60, model: str = "clip-world") -> list[dict[str, Any]]:
        """Find the still lifes of the picture world that suit words best, with CLIP.

        Args:
            words: what to look for, for instance "a small red cube left of a large sphere".
            count: how many to return, 1 to 50.
            pictures: how many still lifes to search, 20 to 400.
            model: a name of the app's picker; clip-world ships with the app.
        """
        try:
            Settings(query_words=words, searched=pictures, model=_known(model))
            if not 1 <= count <= MOST_FOUND:
                raise ValueError(f"count must lie between 1 and {MOST_FOUND}, not {count}")
            fetched(model)
            scenes = [world.sample(FIRST + i) for i in range(pictures)]
            with leased(manager, model) as loaded:
                *_, index = clip.build_index(loaded, pictures_of(scenes, 96))
                hits = clip.search(loaded, words, index.vectors, count=count)
        except (ValueError, OSError, MemoryError) as error:
            raise gr.Error(f"{error}.", print_exception=False) from error
        return [
            {"seed": scenes[hit.number].seed, "score": hit.score, "text": world.describe(scenes[hit.number])}
            for hit in hits
        ]

    gr.api(classify, api_name="classify", concurrency_id="clip-api", concurrency_limit=1)
    gr.api(search, api_name="search", concurrency_id="clip-api", concurrency_limit=1)


def _known(model: str) -> str:
    if model not in catalog.CLIPS:
        raise ValueError(f"model must be one of {', '.join(catalog.CLIPS)}, not {model!r}")
    return model
