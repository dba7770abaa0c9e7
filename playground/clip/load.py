"""Load CLIP from any layout: our folders, open_clip's and transformers' folders or repositories, OpenAI's files."""

import dataclasses
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from playground import checkpoints
from playground.clip.foreign import open_clip_fields, transformers_fields
from playground.clip.layouts import LAYOUTS, fill, from_state, open_clip_layout
from playground.clip.model import CLIP, Config
from playground.clip.tokenizer import Tokenizer, default_tokenizer, read_tokenizer
from playground.clip.transformer import Activation, Tower

__all__ = ["load", "save"]

KIND = "playground.clip"
OPEN_CLIP = ("open_clip_config.json", "open_clip_model.safetensors")
TRANSFORMERS = ("config.json", "model.safetensors")
WORDS = ("config.json", "open_clip_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json")


def load(source: str | Path, *, activation: Activation | None = None) -> CLIP:
    """The frozen model in float32, with its tokenizer, in a folder, a file or a repository of the hub.

    `source` is a folder of ours (`save`), a folder or a repository ("owner/name", also with open_clip's "hf-hub:") in
    the layout of open_clip or of transformers' CLIPModel, or a file of OpenAI's state dict (.pt). Only safetensors are
    read, and state dicts without code.

    `activation` is needed where the layout does not say it, as OpenAI's does not: "quick_gelu" for the weights of
    OpenAI, MetaCLIP and DFN, "gelu" for those of LAION and DataComp. Raises `ValueError` where it is missing or
    contradicts what the checkpoint says, and for weights that are pickled with code, truncated, or of another model;
    `FileNotFoundError` where there is neither file, folder nor repository, or weights are missing; from a hub, what
    `checkpoints.fetch` does.
    """
    name = str(source).removeprefix("hf-hub:")
    if Path(name).is_file():
        return _load_file(Path(name), activation)
    folder = checkpoints.fetch(name, WORDS)
    config = checkpoints.read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    if config.get("kind") == KIND:
        return _load_own(checkpoints.fetch(name, TRANSFORMERS), activation)
    if (folder / OPEN_CLIP[0]).is_file():
        folder = checkpoints.fetch(name, OPEN_CLIP)
        if (folder / OPEN_CLIP[1]).is_file():
            return _load_open_clip(folder, activation)
    if config.get("model_type") == "clip":
        folder = checkpoints.fetch(name, TRANSFORMERS)
        if (folder / TRANSFORMERS[1]).is_file():
            return _load_transformers(folder, activation)
    elif config and not (folder / OPEN_CLIP[0]).is_file():
        said = config.get("kind", config.get("model_type"))
        raise ValueError(f"{source} holds a {said!r}; a CLIP has the kind {KIND!r} or the model_type 'clip'")
    raise FileNotFoundError(
        f"{source} holds no CLIP: that is config.json with model.safetensors, or {' with '.join(OPEN_CLIP)}; "
        "pickled weights are not opened"
    )


def save(model: CLIP, folder: str | Path) -> None:
    """Write a model to a folder: config.json, model.safetensors and its tokenizer.json."""
    if model.tokenizer is not None:
        checkpoints.write_text(Path(folder) / "tokenizer.json", model.tokenizer.backend.to_str())
    checkpoints.write(folder, {"kind": KIND, **dataclasses.asdict(model.config)}, model.state_dict())


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
        model.tokenizer = _fitting(read_tokenizer(folder / "tokenizer.json"), config, folder)
    return model


def _load_open_clip(folder: Path, activation: Activation | None) -> CLIP:
    said, fields = open_clip_fields(checkpoints.read_json(folder / OPEN_CLIP[0]))
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
    said, fields = transformers_fields(config, pictures.get("image_processor", pictures))
    chosen = _agreed(said, activation, folder)
    return _with_words(from_state(state, LAYOUTS["transformers"], activation=chosen, **fields), folder)


def _load_file(path: Path, activation: Activation | None) -> CLIP:
    chosen = _agreed(None, activation, path)
    state = _read_pickled(path)
    layout = open_clip_layout(state)
    model = from_state(state, layout if layout is LAYOUTS["open_clip_text"] else LAYOUTS["openai"], activation=chosen)
    return _with_words(model, path.parent)


def _read_pickled(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that torch.save wrote, nothing else in it ever run."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") or "/code/" in name for name in archive.namelist()):
                raise ValueError(
                    f"{path} is a TorchScript archive: opening it runs the code in it. Where you trust it, convert it "
                    "once: torch.save(torch.jit.load(path, map_location='cpu').state_dict(), 'weights.pt')"
                )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no pickle fail in the reader wherever they lead it
        raise ValueError(
            f"{path} is no file of tensors alone, or not all of one; what could run code is not opened "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        ) from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds a {type(state).__name__}, not a state dict")
    return state


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
    """The model with the tokenizer beside it, or with OpenAI's where there is none."""
    path = folder / "tokenizer.json"
    model.tokenizer = _fitting(read_tokenizer(path) if path.is_file() else default_tokenizer(), model.config, folder)
    return model


def _fitting(tokenizer: Tokenizer, config: Config, folder: Path) -> Tokenizer:
    if tokenizer.vocab_size != config.vocab_size:
        raise ValueError(
            f"the weights of {folder} know {config.vocab_size} tokens, and the tokenizer {tokenizer.vocab_size}"
        )
    return tokenizer
