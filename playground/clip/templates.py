"""Sentences that a label stands in: none, those of small ensembles, and OpenAI's eighty for ImageNet."""

from collections.abc import Mapping

__all__ = ["TEMPLATES"]

# Seven were enough for most of the eighty's gain in OpenAI's notebook "Prompt Engineering for ImageNet".
TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "bare": ("{}",),
    "photo": ("a photo of a {}.",),
    "world": ("{}", "a picture of {}", "a photo of {}", "a render of {}"),
    "seven": (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
    ),
}
