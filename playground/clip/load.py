"""Load CLIP or SigLIP from any layout: our folders, open_clip's and transformers', repositories, OpenAI's files."""

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from playground import checkpoints
from playground.clip.foreign import (
    is_siglip,
    open_clip_fields,
    siglip_open_clip_fields,
    siglip_transformers_fields,
    transformers_fields,
)
from playground.clip.layouts import LAYOUTS, fill, from_state, open_clip_layout
from playground.clip.model import CLIP, Config
from playground.clip.registry import registered
from playground.clip.siglip_tokenizer import SiglipTokenizer, read_siglip_tokenizer
from playground.clip.tokenizer import Tokenizer, default_tokenizer, read_tokenizer
from playground.clip.transformer import Activation
from playground.nn.tower import Tower

__all__ = ["download", "load", "save"]

Words = Tokenizer | SiglipTokenizer
KIND = "playground.clip"
OPEN_CLIP = ("open_clip_config.json", "open_clip_model.safetensors")
TRANSFORMERS = ("config.json", "model.safetensors")
MODEL_TYPES = ("clip", "siglip")
WORDS = ("config.json", "open_clip_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json")


def load(
    source: str | Path, *, activation: Activation | None = None, pretrained: str | None = None, archive: bool = False
) -> CLIP:
    """The frozen model in float32, with its tokenizer, in a folder, a file or a repository of the hub.

    `source` is a folder of ours (`save`), a folder or a repository ("owner/name", also with open_clip's "hf-hub:") in
    the layout of open_clip or of transformers' CLIPModel or SiglipModel, or a file of OpenAI's state dict (.pt). With
    `pretrained`, a tag, it is a name of open_clip's registry ("ViT-B-32", pretrained="laion2b_s34b_b79k"). Only
    safetensors are read, and state dicts without code; `archive` also opens a file that is a TorchScript archive, as
    OpenAI's downloads are, which runs the code in it.

    `activation` is needed where the layout does not say it, as OpenAI's does not: "quick_gelu" for the weights of
    OpenAI, MetaCLIP and DFN, "gelu" for those of LAION and DataComp. Raises `ValueError` where it is missing or
    contradicts what the checkpoint or the registry says, for weights that are pickled with code, truncated, or of
    another model, and for a name or a tag that the registry does not know; `FileNotFoundError` where there is neither
    file, folder nor repository, or weights are missing; from a hub, what `checkpoints.fetch` does.
    """
    if pretrained is not None:
        return _load_registered(str(source), pretrained, activation)
    name = str(source).removeprefix("hf-hub:")
    if Path(name).is_file():
        return _load_file(Path(name), activation, archive=archive)
    read, folder = _located(name, None)
    return read(folder, activation)


def download(source: str, progress: checkpoints.Progress | None = None) -> Path:
    """Fetch all that `load` reads of a repository, once, and return its folder; `progress` and errors are as in
    `checkpoints.fetch`, and of a repository without a CLIP as in `load`."""
    return _located(source.removeprefix("hf-hub:"), progress)[1]


def _located(
    name: str, progress: checkpoints.Progress | None
) -> tuple[Callable[[Path, Activation | None], CLIP], Path]:
    """What reads the checkpoint of a folder or a repository, and the folder, with its weights in it."""
    folder = checkpoints.fetch(name, WORDS)
    config = checkpoints.read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    if config.get("kind") == KIND:
        return _load_own, checkpoints.fetch(name, TRANSFORMERS, progress)
    if (folder / OPEN_CLIP[0]).is_file():
        folder = checkpoints.fetch(name, OPEN_CLIP, progress)
        if (folder / OPEN_CLIP[1]).is_file():
            return _load_open_clip, folder
    if config.get("model_type") in MODEL_TYPES:
        folder = checkpoints.fetch(name, TRANSFORMERS, progress)
        if (folder / TRANSFORMERS[1]).is_file():
            return _load_transformers, folder
    elif config and not (folder / OPEN_CLIP[0]).is_file():
        said = config.get("kind", config.get("model_type"))
        raise ValueError(f"{name} holds a {said!r}; a CLIP has the kind {KIND!r} or the model_type {MODEL_TYPES}")
    raise FileNotFoundError(
        f"{name} holds no CLIP: that is config.json with model.safetensors, or {' with '.join(OPEN_CLIP)}; "
        "pickled weights are not opened"
    )


def save(model: CLIP, folder: str | Path) -> None:
    """Write a model to a folder: config.json, model.safetensors and its tokenizer.json."""
    if model.tokenizer is not None:
        checkpoints.write_text(Path(folder) / "tokenizer.json", model.tokenizer.backend.to_str())
    checkpoints.write(folder, {"kind": KIND, **dataclasses.asdict(model.config)}, model.state_dict())


def _load_registered(name: str, tag: str, activation: Activation | None) -> CLIP:
    """The model of a repository that open_clip's registry names, with the registry's activation and pictures."""
    entry = registered(name, tag)
    model = load(entry.repository, activation=activation or ("quick_gelu" if entry.quick_gelu else None))
    if (model.config.activation == "quick_gelu") != entry.quick_gelu:
        raise ValueError(
            f"open_clip's registry says of {name} pretrained as {tag!r} that it was trained "
            f"{'with' if entry.quick_gelu else 'without'} quick_gelu, not with {model.config.activation}"
        )
    model.config = dataclasses.replace(model.config, **entry.pictures)
    return model


def _load_own(folder: Path, activation: Activation | None) -> CLIP:
    fields, state = checkpoints.read(folder)
    del fields["kind"]
    try:
        for tower in ("vision", "text"):
            fields[tower] = Tower(**fields[tower])
        config = Config(**fields | {name: tuple(fields[name]) for name in ("mean", "std") if name in fields})
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / 'config.json'} is no configuration of {KIND}: {error}") from error
    _agreed(config.activation, activation, folder)
    model = fill(config, state, LAYOUTS["playground"])
    if (folder / "tokenizer.json").is_file():
        model.tokenizer = _fitting(_read_words(folder / "tokenizer.json", config), config, folder)
    return model


def _load_open_clip(folder: Path, activation: Activation | None) -> CLIP:
    config = checkpoints.read_json(folder / OPEN_CLIP[0])
    if is_siglip(config):
        chosen, fields = siglip_open_clip_fields(config)
        _agreed(chosen, activation, folder)
        state = checkpoints.read_tensors(folder / OPEN_CLIP[1])
        return _with_words(from_state(state, LAYOUTS["siglip_open_clip"], activation=chosen, **fields), folder)
    said, fields = open_clip_fields(config)
    # In open_clip's layout a flag that is absent is false, and false is GELU; the caller may know better.
    chosen = _agreed(said, activation or ("gelu" if said is None else None), folder)
    state = checkpoints.read_tensors(folder / OPEN_CLIP[1])
    return _with_words(from_state(state, open_clip_layout(state), activation=chosen, **fields), folder)


def _load_transformers(folder: Path, activation: Activation | None) -> CLIP:
    config, state = checkpoints.read(folder)
    pictures: dict[str, Any] = {}
    for name in ("processor_config.json", "preprocessor_config.json"):
        if (folder / name).is_file():
            pictures = checkpoints.read_json(folder / name)
    siglip = config["model_type"] == "siglip"
    read = siglip_transformers_fields if siglip else transformers_fields
    said, fields = read(config, pictures.get("image_processor", pictures))
    chosen = _agreed(said, activation, folder)
    layout = LAYOUTS["siglip_transformers" if siglip else "transformers"]
    return _with_words(from_state(state, layout, activation=chosen, **fields), folder)


def _load_file(path: Path, activation: Activation | None, *, archive: bool) -> CLIP:
    chosen = _agreed(None, activation, path)
    if _is_archive(path) and not archive:
        raise ValueError(
            f"{path} is a TorchScript archive: opening it runs the code in it. Where you trust it, give archive=True"
        )
    state = _read_archive(path) if _is_archive(path) else checkpoints.read_pickled(path)
    layout = open_clip_layout(state)
    model = from_state(state, layout if layout is LAYOUTS["open_clip_text"] else LAYOUTS["openai"], activation=chosen)
    return _with_words(model, path.parent)


def _is_archive(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as parts:
        return any(name.endswith("/constants.pkl") or "/code/" in name for name in parts.namelist())


def _read_archive(path: Path) -> dict[str, Tensor]:
    """The tensors of a TorchScript archive, whose code may run."""
    try:
        return dict(torch.jit.load(path, map_location="cpu").state_dict())
    except RuntimeError as error:
        raise ValueError(f"{path} is no whole TorchScript archive: {str(error).splitlines()[0]}") from error


def _agreed(said: Activation | None, given: Activation | None, source: Path) -> Activation:
    if said is None and given is None:
        raise ValueError(
            f"{source} does not say its activation, and the wrong one costs accuracy in silence: give "
            "activation='quick_gelu' (OpenAI, MetaCLIP, DFN) or activation='gelu' (LAION, DataComp)"
        )
    if said is not None and given is not None and said != given:
        raise ValueError(f"{source} says that its activation is {said!r}, not {given!r}")
    answer = given if said is None else said
    assert answer is not None
    return answer


def _with_words(model: CLIP, folder: Path) -> CLIP:
    """The model with the tokenizer beside it; where there is none, a CLIP with OpenAI's, and a siglip without."""
    path = folder / "tokenizer.json"
    if path.is_file():
        model.tokenizer = _fitting(_read_words(path, model.config), model.config, folder)
    elif model.config.family == "clip":
        model.tokenizer = _fitting(default_tokenizer(), model.config, folder)
    return model


def _read_words(path: Path, config: Config) -> Words:
    return read_siglip_tokenizer(path) if config.family == "siglip" else read_tokenizer(path)


def _fitting(tokenizer: Words, config: Config, folder: Path) -> Words:
    if tokenizer.vocab_size != config.vocab_size:
        raise ValueError(
            f"the weights of {folder} know {config.vocab_size} tokens, and the tokenizer {tokenizer.vocab_size}"
        )
    return tokenizer
