"""Any image-text-to-text model of transformers as an answerer: loaded by folder or repository, asked in batches."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from playground import checkpoints
from playground.mmbench.answerers import pictures_of, prompt_of
from playground.mmbench.questions import Question

__all__ = ["MAX_NEW_TOKENS", "ImageTextModel", "answer", "check_kind", "download", "load"]

MAX_NEW_TOKENS = 256  # of an answer: room for a model that thinks before it answers
WORDS = (  # all that a processor is made of: no weights, and no code
    "config.json", "generation_config.json", "processor_config.json", "preprocessor_config.json",
    "video_preprocessor_config.json", "chat_template.json", "chat_template.jinja", "tokenizer.json",
    "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "vocab.txt", "merges.txt", "model.safetensors.index.json",
)  # fmt: skip
INDEX, WEIGHTS = "model.safetensors.index.json", "model.safetensors"


class ImageTextModel(nn.Module):
    """A model of transformers with the processor that makes its inputs of pictures and texts."""

    def __init__(self, network: Any, processor: Any) -> None:
        super().__init__()
        self.network = network
        self.processor = processor

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights, which pixels are given in."""
        return next(self.network.parameters()).dtype


def load(source: str | Path) -> ImageTextModel:
    """The frozen model on the CPU, in the precision of its weights: a folder in the hub's layout, or a repository.

    Code of a repository is never run, and only safetensors are read. Raises `ValueError` for another kind of model, one
    that this transformers does not know, and one whose weights are pickled or whose files do not fit; `OSError` as
    `checkpoints.fetch`.
    """
    folder = download(source)
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText, AutoProcessor

    wrong = (ValueError, OSError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, SafetensorError)
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    try:
        processor = AutoProcessor.from_pretrained(folder, **options)
        network = AutoModelForImageTextToText.from_pretrained(folder, use_safetensors=True, dtype="auto", **options)
    except wrong as error:  # whatever its files lead transformers to
        said = " ".join((str(error) or type(error).__name__).split())[:300]
        raise ValueError(f"{source} cannot be loaded by transformers: {said}") from error
    if not hasattr(processor, "tokenizer"):
        raise ValueError(f"{source} has no processor of pictures and texts, only a {type(processor).__name__}")
    words = processor.tokenizer
    words.padding_side = "left"  # so that what is written begins at one place in all rows
    if words.pad_token is None:
        words.pad_token = words.eos_token
    return ImageTextModel(network, processor).eval().requires_grad_(False)


def download(source: str | Path, progress: checkpoints.Progress | None = None) -> Path:
    """Fetch all that `load` reads of a repository, once, and return its folder; a folder is itself.

    Raises `ValueError` for another kind of model and for weights that are not safetensors, before these are fetched;
    and what `checkpoints.fetch` does.
    """
    folder = checkpoints.fetch(source, WORDS)
    if not (folder / "config.json").is_file():
        raise ValueError(f"{source} has no config.json, and so is no model of transformers")
    check_kind(source, checkpoints.read_json(folder / "config.json"))
    names = _shards(folder)
    folder = checkpoints.fetch(source, (*WORDS, *names), progress)
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise ValueError(
            f"{source} has no {missing[0]}; pickled weights can run code, and are not opened: convert them to "
            "safetensors where you trust them"
        )
    return folder


def answer(model: ImageTextModel, questions: Sequence[Question], *, max_new_tokens: int = MAX_NEW_TOKENS) -> list[str]:
    """What the model writes for each question, greedily, to its pictures and the official prompt (`prompt_of`).

    All are asked at once. Raises `ValueError` for a question without a picture that can be read, and for fewer new
    tokens than 1.
    """
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be 1 or more, not {max_new_tokens}")
    if not questions:
        return []
    inputs = _inputs(model.processor, questions).to(model.device, model.dtype)
    with torch.inference_mode():
        written: Tensor = model.network.generate(
            **inputs, max_new_tokens=max_new_tokens, do_sample=False, num_beams=1, temperature=None, top_p=None,
            top_k=None, pad_token_id=model.processor.tokenizer.pad_token_id,
        )  # fmt: skip
    ids: Tensor = inputs["input_ids"]
    if written.shape[1] >= ids.shape[1] and bool((written[:, : ids.shape[1]] == ids).all()):
        written = written[:, ids.shape[1] :]  # most models give the prompt again
    texts: list[str] = model.processor.batch_decode(written, skip_special_tokens=True)
    return [text.strip() for text in texts]


def _inputs(processor: Any, questions: Sequence[Question]) -> Any:
    """What the model takes: by its chat template, or without one a plain prompt behind its token for a picture."""
    pictures, prompts = (
        [pictures_of(one) for one in questions],
        [_spelled(prompt_of(one), processor) for one in questions],
    )
    if getattr(processor, "chat_template", None):
        chats = [
            [
                {
                    "role": "user",
                    "content": [*({"type": "image", "image": one} for one in some), {"type": "text", "text": prompt}],
                }
            ]
            for some, prompt in zip(pictures, prompts, strict=True)
        ]
        return processor.apply_chat_template(
            chats, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt",
            processor_kwargs={"padding": True},
        )  # fmt: skip
    token = getattr(processor, "image_token", None) or ""
    begun = f"{token}\n" if token else ""
    texts = [begun * len(some) + prompt for some, prompt in zip(pictures, prompts, strict=True)]
    return processor(images=pictures, text=texts, padding=True, return_tensors="pt")


def _spelled(prompt: str, processor: Any) -> str:
    """The prompt with a space in what the model would take for a token of its own, such as one for a picture."""
    for token in {*processor.tokenizer.all_special_tokens, getattr(processor, "image_token", None) or ""}:
        if len(token) > 2:
            prompt = prompt.replace(token, f"{token[0]} {token[1:]}")
    return prompt


def check_kind(source: str | Path, config: dict[str, Any]) -> None:
    """Raise `ValueError` for a configuration of another kind of model."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KINDS

    kind = config.get("model_type", config.get("kind"))
    if kind not in KINDS:
        raise ValueError(
            f"{source} holds a {kind!r}; an image-text-to-text model of this transformers is asked for, such as "
            "idefics3, llava or qwen2_vl"
        )


def _shards(folder: Path) -> list[str]:
    """The files of the weights: those of their index, or the one."""
    if not (folder / INDEX).is_file():
        return [WEIGHTS]
    try:
        names = sorted(set(checkpoints.read_json(folder / INDEX)["weight_map"].values()))
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{folder / INDEX} is no index of weights") from error
    if not names or not all(isinstance(name, str) and name.endswith(".safetensors") for name in names):
        raise ValueError(f"{folder / INDEX} names weights that are no safetensors: {json.dumps(names)[:80]}")
    return names
