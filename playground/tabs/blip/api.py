"""The BLIP tab's public endpoints, which are MCP tools too: `caption`, `match`, `answer` and `clean`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import gradio as gr

from playground import blip, catalog
from playground.manager import ModelManager
from playground.tabs.blip.models import fetched, leased
from playground.tabs.blip.settings import MOST_QUESTIONS, MOST_TEXTS, Settings
from playground.tabs.pictures import decoded

__all__ = ["build"]

MOST_PAIRS = 64


def build(manager: ModelManager) -> None:
    """Offer the endpoints, on the page's manager."""

    def caption(
        image: str, strategy: str = "beam", prompt: str = "", seed: int = 0, model: str = "blip-world"
    ) -> dict[str, Any]:
        """Caption a picture with BLIP.

        Args:
            image: the picture, as a data URL or plain base64 of a PNG, JPEG or WebP file of at most 20 MB.
            strategy: greedy, beam (3) or nucleus (0.9).
            prompt: what the caption begins with; the model's own by default. blip-world writes Chinese after 图片：.
            seed: of nucleus sampling.
            model: a name of the app's picker that captions; blip-world ships with the app and knows still lifes.
        """
        with _refusing():
            settings = Settings(captioner=model, prompt=prompt, seed=seed, looked=strategy)
            picture = decoded(image)
            fetched(model)
            with leased(manager, model) as loaded:
                (made,) = blip.write(loaded, [picture], strategy, prompt=settings.prompted, seed=seed)  # type: ignore[arg-type]
                words = blip.tokenizer_of(loaded)
            tokens = [words.backend.id_to_token(i) for i in made.ids]
            return {
                "caption": words.decode(made.ids), "score": made.score, "tokens": tokens,
                "log_probabilities": list(made.log_probs),
            }  # fmt: skip

    def match(image: str, texts: list[str], model: str = "blip-world") -> list[dict[str, Any]]:
        """Tell whether texts match a picture, with BLIP's two heads: matching (ITM) and contrast (ITC).

        Args:
            image: the picture, as a data URL or plain base64 of a PNG, JPEG or WebP file of at most 20 MB.
            texts: 1 to 24 texts.
            model: a name of the app's picker that matches; blip-world ships with the app and knows still lifes.
        """
        with _refusing():
            Settings(matcher=model, texts="\n".join(_few("texts", texts, MOST_TEXTS)))
            picture = decoded(image)
            fetched(model)
            with leased(manager, model) as loaded:
                found = blip.match(loaded, [picture], texts)
            rows = zip(texts, found.probability[0].tolist(), found.cosine[0].tolist(), strict=True)
            return [{"text": text, "probability": p, "cosine": cosine} for text, p, cosine in rows]

    def answer(image: str, questions: list[str], model: str = "blip-world-answers") -> list[dict[str, Any]]:
        """Answer questions about a picture, with BLIP.

        Args:
            image: the picture, as a data URL or plain base64 of a PNG, JPEG or WebP file of at most 20 MB.
            questions: 1 to 6 questions.
            model: a name of the app's picker that answers; blip-world-answers ships with the app.
        """
        with _refusing():
            Settings(answerer=model, questions="\n".join(_few("questions", questions, MOST_QUESTIONS)))
            picture = decoded(image)
            fetched(model)
            with leased(manager, model) as loaded:
                made = [blip.alternatives(loaded, picture, question) for question in questions]
            return [
                {"question": question, "answer": own[0].text, "alternatives": [asdict(one) for one in own]}
                for question, own in zip(questions, made, strict=True)
            ]

    def clean(
        images: list[str], texts: list[str], threshold: float = 0.5, candidates: int = 1, seed: int = 0,
        captioner: str = "blip-world", filter: str = "blip-world",
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Clean pictures with texts by CapFilt: BLIP writes captions, and drops texts that do not match.

        Args:
            images: 1 to 64 pictures, each a data URL or plain base64 of a PNG, JPEG or WebP file.
            texts: as many texts, one of each picture.
            threshold: probability of a match from which a text is kept.
            candidates: captions written of each picture, 0 to 5.
            seed: of what is written.
            captioner: a name of the app's picker that captions.
            filter: a name of the app's picker that matches.
        """
        with _refusing():
            Settings(captioner=captioner, matcher=filter, threshold=threshold, candidates=candidates, seed=seed)
            if not 1 <= len(images) <= MOST_PAIRS or len(texts) != len(images):
                raise ValueError(
                    f"images must be 1 to {MOST_PAIRS}, each with a text, not {len(images)} and {len(texts)}"
                )
            pairs = [
                blip.Pair(str(i), decoded(image), text)
                for i, (image, text) in enumerate(zip(images, texts, strict=True))
            ]
            fetched(captioner)
            fetched(filter)
            names = list(dict.fromkeys([captioner, filter]))
            with manager.lease(*(catalog.blip_spec(name) for name in names), owner="blip") as held:
                both = held if isinstance(held, tuple) else (held, held)
                told = list(
                    blip.capfilt(pairs, both[0], both[-1], threshold=threshold, candidates=candidates, seed=seed)
                )
            return [
                {"picture": int(one.uid), "source": one.source, "text": one.text, "probability": one.probability,
                 "cosine": one.cosine, "kept": one.kept}
                for one in told
            ]  # fmt: skip

    for endpoint in (caption, match, answer, clean):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_id="blip-api", concurrency_limit=1)


@contextmanager
def _refusing() -> Iterator[None]:
    """Refusals as one sentence to who called."""
    try:
        yield
    except (ValueError, OSError, MemoryError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error


def _few(name: str, texts: list[str], most: int) -> list[str]:
    """The texts. Raises `ValueError` for none, too many, and one that says nothing or has several lines."""
    if not 1 <= len(texts) <= most or any(not text.strip() or "\n" in text.strip() for text in texts):
        raise ValueError(f"{name} must be 1 to {most}, none of them empty or of several lines")
    return texts
