"""open_clip's registry of pretrained models: which repository a name and a tag mean, and what its weights need."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Registered", "registered"]


@dataclass(frozen=True)
class Registered:
    """A repository of the hub, whether its weights were trained with quick_gelu, and how its pictures were made."""

    repository: str
    quick_gelu: bool
    pictures: dict[str, Any]


def registered(name: str, tag: str) -> Registered:
    """What open_clip knows of a pretrained model.

    Raises `ValueError` for one that it does not know, naming those it does, and for one outside the hub.
    """
    import open_clip  # eight seconds, and here alone: all other code of this package runs without it

    said = open_clip.get_pretrained_cfg(name, tag)
    if not said:
        tags = open_clip.list_pretrained_tags_by_model(name)
        if tags:
            raise ValueError(f"open_clip has no {name} pretrained as {tag!r}; it has {', '.join(tags)}")
        models = open_clip.list_pretrained_models_by_tag(tag) or sorted({one for one, _ in open_clip.list_pretrained()})
        raise ValueError(f"open_clip has no pretrained model {name!r}; it has {', '.join(models)}")
    if not said.get("hf_hub"):
        raise ValueError(
            f"open_clip knows only an address of {name} pretrained as {tag!r}, no repository of the hub: fetch "
            f"{said.get('url')} where you trust it, and load the file with activation="
        )
    owner, repository = said["hf_hub"].split("/")[:2]
    pictures = {"mean": tuple(said["mean"]), "std": tuple(said["std"])}
    pictures |= {"interpolation": said["interpolation"], "resize": said["resize_mode"]}
    return Registered(f"{owner}/{repository}", bool(said.get("quick_gelu")), pictures)
