"""Every model the app offers, as a `ModelSpec` with a pipeline's loader: where manager and pipelines meet."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from playground import blip, checkpoints, clip, flows
from playground.blip.model import Task
from playground.clip.transformer import Activation
from playground.diffusion import images
from playground.manager import ModelSpec
from playground.mmbench import image_text

__all__ = [
    "BLIPS", "CLIPS", "DIGITS", "IMAGE_TEXTS", "Blip", "Clip", "ImageText", "blip_spec", "clip_spec", "digits",
    "flow_example", "flow_example_folder", "flow_history", "image_text_spec", "spec",
]  # fmt: skip

DIGITS = checkpoints.ROOT / "diffusion-digits"


@dataclass(frozen=True)
class Clip:
    """A CLIP of the picker: where it lies, and what a person should know before it is fetched."""

    source: str  # a folder of ours, or a repository of the hub
    megabytes: int
    licence: str
    activation: Activation | None = None  # where the repository does not say it
    threshold: float = 0.2  # cosine that a text should reach to be said of a picture, to begin with
    photographs: bool = True  # what it was trained on; ours know still lifes alone


# Sizes in float32, as they are fetched. The ones that ship come first.
CLIPS: Mapping[str, Clip] = {
    "clip-world": Clip("checkpoints/clip-world", 5, "Apache-2.0", photographs=False),
    "clip-world-plain": Clip("checkpoints/clip-world-plain", 5, "Apache-2.0", photographs=False),
    "ViT-B-32 OpenAI": Clip("timm/vit_base_patch32_clip_224.openai", 605, "MIT", "quick_gelu"),
    "ViT-B-32 LAION-2B": Clip("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 605, "MIT", "gelu"),
    "ViT-B-32-256 DataComp": Clip("laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", 605, "MIT", "gelu"),
    "ViT-B-16 OpenAI": Clip("timm/vit_base_patch16_clip_224.openai", 598, "MIT", "quick_gelu"),
    "ViT-B-16 DFN-2B": Clip("timm/vit_base_patch16_clip_224.dfn2b", 598, "Apple AMLR", "quick_gelu"),
    "ViT-L-14 OpenAI": Clip("timm/vit_large_patch14_clip_224.openai", 1711, "MIT", "quick_gelu"),
    "SigLIP B-16": Clip("google/siglip-base-patch16-224", 813, "Apache-2.0", threshold=0.1),
    "SigLIP2 B-16": Clip("google/siglip2-base-patch16-224", 1500, "Apache-2.0", threshold=0.1),
}


@dataclass(frozen=True)
class Blip:
    """A BLIP of the picker."""

    source: str  # a folder of ours, or a repository of the hub
    megabytes: int
    licence: str
    tasks: tuple[Task, ...]
    photographs: bool = True  # what it was trained on; ours know still lifes alone


BLIPS: Mapping[str, Blip] = {
    "blip-world": Blip("checkpoints/blip-world", 7, "Apache-2.0", ("caption", "match"), photographs=False),
    "blip-world-answers": Blip("checkpoints/blip-world-answers", 7, "Apache-2.0", ("answer",), photographs=False),
    **{
        f"Table 1: {arm}": Blip(f"checkpoints/blip-bootstrap/{arm}", 1, "Apache-2.0", ("caption", "match"), False)
        for arm in ("noisy", "filtered", "captioned", "both", "seed-only")
        if (checkpoints.ROOT / "blip-bootstrap" / arm / "config.json").is_file()
    },
    "BLIP captioning base": Blip("Salesforce/blip-image-captioning-base", 990, "BSD-3-Clause", ("caption",)),
    "BLIP captioning large": Blip("Salesforce/blip-image-captioning-large", 1880, "BSD-3-Clause", ("caption",)),
    "BLIP matching base": Blip("Salesforce/blip-itm-base-coco", 895, "BSD-3-Clause", ("match",)),
    "BLIP matching large": Blip("Salesforce/blip-itm-large-coco", 1790, "BSD-3-Clause", ("match",)),
    "BLIP answering base": Blip("Salesforce/blip-vqa-base", 1540, "BSD-3-Clause", ("answer",)),
    "BLIP answering, CapFilt": Blip("Salesforce/blip-vqa-capfilt-large", 1540, "BSD-3-Clause", ("answer",)),
}


@dataclass(frozen=True)
class ImageText:
    """A model of transformers that reads a picture and a text, and writes."""

    source: str  # a repository of the hub
    megabytes: int
    licence: str


IMAGE_TEXTS: Mapping[str, ImageText] = {  # as large as they are fetched: in bfloat16, LLaVA in float16
    "SmolVLM 256M": ImageText("HuggingFaceTB/SmolVLM-256M-Instruct", 513, "Apache-2.0"),
    "SmolVLM 500M": ImageText("HuggingFaceTB/SmolVLM-500M-Instruct", 1020, "Apache-2.0"),
    "SmolVLM 2.2B": ImageText("HuggingFaceTB/SmolVLM-Instruct", 4490, "Apache-2.0"),
    "Qwen2-VL 2B": ImageText("Qwen/Qwen2-VL-2B-Instruct", 4420, "Apache-2.0"),
    "LLaVA-1.5 7B": ImageText("llava-hf/llava-1.5-7b-hf", 14130, "Llama 2"),
}


def spec(key: str) -> ModelSpec[Any]:
    """The model of a key that the app shows, such as "flows/spline/moons". Raises `ValueError` for any other."""
    if key == "diffusion/digits":
        return digits()
    if key.startswith("clip/"):
        return clip_spec(key.removeprefix("clip/"))
    if key.startswith("blip/"):
        return blip_spec(key.removeprefix("blip/"))
    if key.startswith("image-text/"):
        return image_text_spec(key.removeprefix("image-text/"))
    kind, _, rest = key.partition("/")
    flow, _, density = rest.partition("/")
    found = flow_example(flow, density) if kind == "flows" and flow in flows.FLOWS else None
    if found is None or found.key != key:
        raise ValueError(f"no model is called {key!r}")
    return found


def clip_spec(name: str) -> ModelSpec[clip.CLIP]:
    """The CLIP of a name in `CLIPS`. Raises `ValueError` for any other."""
    if name not in CLIPS:
        raise ValueError(f"no CLIP is called {name!r}; known are {', '.join(CLIPS)}")
    known = CLIPS[name]
    return ModelSpec(f"clip/{name}", partial(clip.load, known.source, activation=known.activation))


def blip_spec(name: str) -> ModelSpec[blip.BLIP]:
    """The BLIP of a name in `BLIPS`. Raises `ValueError` for any other."""
    if name not in BLIPS:
        raise ValueError(f"no BLIP is called {name!r}; known are {', '.join(BLIPS)}")
    return ModelSpec(f"blip/{name}", partial(blip.load, BLIPS[name].source))


def image_text_spec(name: str) -> ModelSpec[image_text.ImageTextModel]:
    """The image-text-to-text model of a name in `IMAGE_TEXTS`. Raises `ValueError` for any other."""
    if name not in IMAGE_TEXTS:
        raise ValueError(f"no image-text-to-text model is called {name!r}; known are {', '.join(IMAGE_TEXTS)}")
    return ModelSpec(f"image-text/{name}", partial(image_text.load, IMAGE_TEXTS[name].source))


def digits() -> ModelSpec[images.PictureModel]:
    """The class-conditional denoiser of digits."""
    return ModelSpec("diffusion/digits", partial(images.load, DIGITS))


def flow_example_folder(flow: str, density: str) -> Path:
    """Where the trained example of a flow on a density lies, or would lie."""
    return checkpoints.ROOT / f"flows-{flow}-{density}".replace("_", "-")


def flow_example(flow: str, density: str) -> ModelSpec[flows.Flow] | None:
    """The trained example of a flow on a density; None where none is shipped."""
    folder = flow_example_folder(flow, density)
    if not (folder / "config.json").is_file():
        return None
    return ModelSpec(f"flows/{flow}/{density}", partial(_load_flow, folder))


def flow_history(flow: str, density: str) -> dict[str, Any]:
    """How a shipped example was trained: `step` and the curves of its last `flows.Lane`."""
    record = json.loads((flow_example_folder(flow, density) / "history.json").read_text(encoding="utf-8"))
    curves = {
        name: tuple(np.array(part, dtype=np.float32) for part in record[name])
        for name in ("nll_curve", "kl_curve", "loss_curve")
        if name in record
    }
    return {"step": record["step"], **curves}


def _load_flow(folder: Path) -> flows.Flow:
    return flows.load(folder).eval().requires_grad_(False)
