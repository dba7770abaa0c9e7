"""Load BLIP from any layout: our folders, Salesforce's files, transformers' folders and repositories."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from torch import Tensor

from playground import checkpoints
from playground.blip.layouts import fill, from_salesforce, from_transformers
from playground.blip.model import BLIP, Config
from playground.blip.tokenizer import read_tokenizer
from playground.nn.tower import Tower

__all__ = ["download", "load", "save"]

KIND = "playground.blip"
WORDS = ("config.json", "tokenizer.json", "vocab.txt")
FILES = ("config.json", "model.safetensors")
SHARED = re.compile(r"text_encoder\.(embeddings|encoder\.layer\.\d+\.(crossattention|intermediate|output))\.")


def load(source: str | Path, *, like_transformers: bool = False) -> BLIP:
    """The frozen model in float32, with its tokenizer, in a folder, a file or a repository of the hub.

    `source` is a folder of ours (`save`), a folder or a repository ("owner/name") in the layout of transformers'
    BlipForConditionalGeneration, BlipForImageTextRetrieval or BlipForQuestionAnswering, or one of the authors' files
    (.pth). What it can do is in `config.tasks`. A file has no tokenizer; the one beside it (tokenizer.json, vocab.txt)
    is taken. Only safetensors are read, and files of tensors without code.

    `like_transformers` repeats what transformers does otherwise than the paper and the authors' code (`Config`, and
    its LayerNorm's epsilon for pictures), for comparison with it. Raises `ValueError` for weights that are pickled with
    code, truncated, or of another model; `FileNotFoundError` where there is neither file, folder nor repository; from
    a hub, what `checkpoints.fetch` does.
    """
    path = Path(source)
    if path.is_file():
        state = checkpoints.read_pickled(path)
        inner = state.get("model")
        model = from_salesforce(inner if isinstance(inner, dict) else state, like_transformers=like_transformers)
        return _with_words(model, path.parent)
    folder = download(str(source))
    fields, state = checkpoints.read(folder)
    if fields.get("kind") == KIND:
        model = fill(_config(fields, folder), _untied(state))
    else:
        model = from_transformers(state, fields, like_transformers=like_transformers)
    return _with_words(model, folder)


def download(source: str, progress: checkpoints.Progress | None = None) -> Path:
    """Fetch all that `load` reads of a repository, once, and return its folder; a folder is itself.

    Raises `ValueError` for a repository of another model, and what `checkpoints.fetch` does.
    """
    folder = checkpoints.fetch(source, WORDS)
    config = checkpoints.read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    if config.get("kind") != KIND and config.get("model_type") != "blip":
        said = config.get("kind", config.get("model_type"))
        raise ValueError(f"{source} holds a {said!r}; a BLIP has the kind {KIND!r} or the model_type 'blip'")
    return checkpoints.fetch(source, FILES, progress)


def save(model: BLIP, folder: str | Path) -> None:
    """Write a model to a folder: config.json, model.safetensors, each shared weight once, and its tokenizer.json."""
    if model.tokenizer is not None:
        checkpoints.write_text(Path(folder) / "tokenizer.json", model.tokenizer.backend.to_str())
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}  # without what is there twice
    checkpoints.write(folder, {"kind": KIND, **dataclasses.asdict(model.config)}, state)


def _config(fields: dict[str, object], folder: Path) -> Config:
    fields = {name: value for name, value in fields.items() if name != "kind"}
    try:
        towers = {name: Tower(**fields[name]) for name in ("vision", "text")}  # type: ignore[arg-type]
        lists: dict[str, Any] = {name: tuple(fields[name]) for name in ("tasks", "mean", "std")}  # type: ignore[arg-type]
        return Config(**fields | towers | lists)  # type: ignore[arg-type]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / 'config.json'} is no configuration of {KIND}: {error}") from error


def _untied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our files hold what encoder and decoder share once, by the encoder's name."""
    if "itm_head.weight" not in state or "text_decoder.cls.predictions.bias" not in state:
        return state
    shared = {key: value for key, value in state.items() if SHARED.match(key)}
    return {key.replace("text_encoder.", "text_decoder.bert.", 1): value for key, value in shared.items()} | state


def _with_words(model: BLIP, folder: Path) -> BLIP:
    """The model with the tokenizer beside it, where there is one. Raises `ValueError` for one that does not fit."""
    for name in WORDS[1:]:
        if (folder / name).is_file():
            words = read_tokenizer(folder / name, pad=model.config.pad, end=model.config.end)
            if words.vocab_size > model.config.vocab_size:
                raise ValueError(
                    f"the weights of {folder} know {model.config.vocab_size} tokens, and the tokenizer "
                    f"{words.vocab_size}"
                )
            model.tokenizer = words
            break
    return model
