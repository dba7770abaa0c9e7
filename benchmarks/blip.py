"""Captions and matches by BLIP-base against transformers, the same random weights, 384 x 384 pixels.

    OMP_NUM_THREADS=1 uv run benchmarks/blip.py --out blip.json

CPU seconds of one thread, ours and theirs by turns, the least of `--rounds`: greedy search and three beams with 20 new
tokens after a prompt, and the filter with two texts a picture; the answers are compared too. `--precision medium` is
what an expert may set for both. Goals in float32: 1.6, 2.4 and 3.2 times transformers.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from playground import blip
from playground.blip.layouts import from_transformers

END, START, NEW = 102, 30522, 20
GOALS = {"greedy": 1.6, "beam 3": 2.4, "filter": 3.2}  # float32, against transformers as it comes


def peers(kind: str) -> tuple[Any, blip.BLIP]:
    """transformers' model and ours, of the same random weights."""
    name = {"caption": "BlipForConditionalGeneration", "match": "BlipForImageTextRetrieval"}[kind]
    config = transformers.BlipConfig(text_config={"num_attention_heads": 12}, vision_config={"image_size": 384})
    theirs = getattr(transformers, name)(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for key, parameter in theirs.named_parameters():
            parameter.copy_(0.03 * torch.randn(parameter.shape, generator=generator))
            if "norm" in key.lower() and key.endswith("weight"):
                parameter.add_(1)
        if kind == "caption":
            theirs.text_decoder.cls.predictions.bias[END] = -100.0  # all write as many tokens
    return theirs, from_transformers(theirs.state_dict(), config.to_dict(), like_transformers=True)


def caption_runs(batch: int) -> dict[str, Callable[[], list[list[int]]]]:
    """Greedy search and beams, ours and theirs."""
    theirs, ours = peers("caption")
    pixels = torch.randn(batch, 3, 384, 384, generator=torch.Generator().manual_seed(1))
    prompt = torch.tensor([[START, 1037, 3861, 1997]]).repeat(batch, 1)
    length = prompt.shape[1] + NEW
    limits = blip.Limits(length, length)

    def mine(beams: int) -> list[list[int]]:
        with torch.no_grad():
            seen = ours.text_decoder.look(ours.see(pixels))
        search = blip.greedy if beams == 1 else blip.beam_search
        return [list(one.ids) for one in search(ours.text_decoder, seen, prompt, END, limits)]

    def other(beams: int) -> list[list[int]]:
        ids = torch.cat([prompt, prompt[:, :1]], dim=1)  # whose last is cut off
        made = theirs.generate(
            pixels.to(theirs.dtype), input_ids=ids, max_length=length, min_length=length, num_beams=beams,
            do_sample=False,
        )  # fmt: skip
        return [row[prompt.shape[1] :] for row in made.tolist()]

    runs: dict[str, Callable[[], list[list[int]]]] = {}
    for name, beams in (("greedy", 1), ("beam 3", 3)):
        runs[f"{name}, ours"] = lambda beams=beams: mine(beams)  # type: ignore[misc]
        runs[f"{name}, transformers"] = lambda beams=beams: other(beams)  # type: ignore[misc]
    return runs


def filter_runs(batch: int) -> dict[str, Callable[[], list[list[int]]]]:
    """Two texts a picture, matched; theirs with the picture given twice, as its interface has it."""
    theirs, ours = peers("match")
    pixels = torch.randn(batch, 3, 384, 384, generator=torch.Generator().manual_seed(1))
    ids = torch.randint(1000, 30000, (2 * batch, 12), generator=torch.Generator().manual_seed(2))
    ids[:, 0], ids[:, -1] = 101, END
    mask = torch.ones_like(ids)

    def rounded(logits: torch.Tensor) -> list[list[int]]:
        return (1000 * logits.float().softmax(1)).round().int().tolist()

    def mine() -> list[list[int]]:
        with torch.no_grad():
            return rounded(ours.match(ours.see(pixels), ids, mask.bool()))

    def other() -> list[list[int]]:
        with torch.no_grad():
            twice = pixels.repeat_interleave(2, 0).to(theirs.dtype)
            return rounded(theirs(input_ids=ids, pixel_values=twice, attention_mask=mask).itm_score)

    return {"filter, ours": mine, "filter, transformers": other}


def main() -> None:
    """Measure by turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1, help="pictures at once")
    parser.add_argument("--precision", choices=["highest", "medium"], default="highest", help="of float32 products")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision(options.precision)
    runs = {**caption_runs(options.batch), **filter_runs(options.batch)}
    seconds: dict[str, float] = {}
    answers: dict[str, list[list[int]]] = {}
    for _ in range(options.rounds):
        for name, run in runs.items():
            begun = time.process_time()
            answers[name] = run()
            seconds[name] = min(seconds.get(name, float("inf")), time.process_time() - begun)
    figures: dict[str, Any] = {"cpu_seconds": {name: round(value, 3) for name, value in seconds.items()}}
    for name, goal in GOALS.items():
        ratio = seconds[f"{name}, transformers"] / seconds[f"{name}, ours"]
        same = answers[f"{name}, transformers"] == answers[f"{name}, ours"]
        figures[name] = {"times transformers": round(ratio, 2), "goal": goal, "same answers": same}
    figures |= {"batch": options.batch, "precision": options.precision, "torch": torch.__version__,
                "machine": platform.processor() or platform.machine()}  # fmt: skip
    text = json.dumps(figures, indent=2)
    if options.out is not None:
        options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
