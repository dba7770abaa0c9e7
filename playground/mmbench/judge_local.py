"""A judge on this machine: a language model of transformers, from a folder or a repository of the hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from playground import checkpoints
from playground.mmbench.judge import Judge

__all__ = ["TextModel", "load_judge", "local_judge"]

TOKENS = 64  # a letter takes one or two
PATTERNS = ("config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*.json",
            "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template*")  # fmt: skip


class TextModel(nn.Module):
    """A causal language model with its tokenizer, frozen; its weights are the module's, to be moved as any others."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        from transformers import GenerationConfig

        super().__init__()
        ends, pad = model.generation_config.eos_token_id, tokenizer.pad_token_id
        first = ends[0] if isinstance(ends, list) else ends
        # In place of the repository's: its penalties and bans would be mixed into what a call asks for.
        model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=first if pad is None else pad)
        self.model = model
        self.tokenizer = tokenizer
        self.eval().requires_grad_(False)

    def prompt(self, text: str) -> list[int]:
        """The tokens of a person's message, in the model's chat template where it has one."""
        if not self.tokenizer.chat_template:
            return list(self.tokenizer(text)["input_ids"])
        said = [{"role": "user", "content": text}]
        # Templates that know no thinking do not mind being told that there shall be none.
        shown = self.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True,
                                                   enable_thinking=False)  # fmt: skip
        return list(self.tokenizer(shown, add_special_tokens=False)["input_ids"])

    @torch.inference_mode()
    def reply(self, text: str, tokens: int = TOKENS) -> str:
        """The likeliest words after a message, `tokens` at most. Raises `ValueError` where it is longer than the model
        reads."""
        model: Any = self.model
        asked = self.prompt(text)
        most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        if most is not None and len(asked) + tokens > most:
            raise ValueError(f"the prompt has {len(asked):,} tokens, and the judge reads {most - tokens:,} at most")
        ids = torch.tensor([asked], device=next(model.parameters()).device)
        made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
        return str(self.tokenizer.decode(made[0, len(asked) :], skip_special_tokens=True))


def load_judge(source: str | Path) -> TextModel:
    """A language model on the CPU, in the number format of its file, from a folder or a repository of the hub.

    Only safetensors are read, and no code of the repository is run. Raises as `checkpoints.fetch`, and `ValueError` for
    what is no causal language model with a tokenizer.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = checkpoints.fetch(source, PATTERNS)
    settings: Mapping[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **settings)
        model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, dtype="auto", **settings)
    except (OSError, ValueError, ImportError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"{source} is no language model that can be read: {said}") from error
    return TextModel(model, tokenizer)


def local_judge(model: TextModel, *, tokens: int = TOKENS) -> Judge:
    """A text model as a judge, greedy: the same prompt has the same reply."""
    return lambda prompt: model.reply(prompt, tokens)
