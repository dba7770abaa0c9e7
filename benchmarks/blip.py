"""Captions and matches by BLIP-base against transformers: the same random weights, 384 x 384 pixels, one thread.

    OMP_NUM_THREADS=1 uv run benchmarks/blip.py --out blip.json
    OMP_NUM_THREADS=1 uv run benchmarks/blip.py --batch 8 --rounds 3

CPU milliseconds, in turns, the least of several rounds: 20 new tokens after a prompt by greedy search and by three
beams, and the filter with two texts a picture; transformers as it comes and as an expert tunes it. `same` are the
pictures whose tokens, or the texts whose probability of a match within .001 (`gap`: of the farthest), are those of
transformers as it comes. "Tuned" for float32 are the peers that compute in it: with precision "medium" some processors
take bfloat16.
Goals: greedy 1.6 times transformers in float32 and 2.6 in bfloat16, beams 2.4 and 4.4, the filter 3.2 and 5.5; tuned
1.4 in float32, and in bfloat16 1.3 (greedy) and 1.7 (beams).
"""

import argparse
import copy
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from contexts import medium, within
from torch import Tensor

from playground import blip
from playground.blip.fast import accelerate
from playground.blip.layouts import from_transformers
from playground.nn.matmul import probe

END, START, NEW = 102, 30522, 20
CASES = ("greedy", "beam 3", "filter")
Way = Callable[[], Tensor]  # to tokens (n, NEW), or probabilities of a match (n,)


def peers(kind: str) -> tuple[Any, blip.BLIP]:
    """transformers' model and ours, of the same random weights, frozen."""
    name = {"caption": "BlipForConditionalGeneration", "match": "BlipForImageTextRetrieval"}[kind]
    config = transformers.BlipConfig(text_config={"num_attention_heads": 12}, vision_config={"image_size": 384})
    theirs = getattr(transformers, name)(config).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for key, parameter in theirs.named_parameters():
        parameter.copy_(0.03 * torch.randn(parameter.shape, generator=generator))
        if "norm" in key.lower() and key.endswith("weight"):
            parameter.add_(1)
    if kind == "caption":
        theirs.text_decoder.cls.predictions.bias[END] = -100.0  # all write as many tokens
    ours = from_transformers(theirs.state_dict(), config.to_dict(), like_transformers=True)
    return theirs, ours.eval().requires_grad_(False)


def accelerated(ours: blip.BLIP) -> dict[str, blip.BLIP]:
    """Ours as it comes and prepared for the CPU, all of the same weights in memory."""
    first, second = (copy.deepcopy(ours, {id(p): p for p in ours.parameters()}) for _ in range(2))
    return {"ours": ours, "ours float32": accelerate(first), "ours bfloat16": accelerate(second, bfloat16=True)}


def medium_is_float32() -> bool:
    """Whether this processor keeps float32 where "medium" allows less."""
    a = torch.randn(64, 768, generator=torch.Generator().manual_seed(0))
    with medium():
        product = a @ a.T
    return bool((product - (a.double() @ a.T.double())).abs().max() < 1e-3)


def tuned(theirs: Any, run: Callable[[Any], Tensor]) -> dict[str, Way]:
    """What an expert may do to transformers' model; `run` is how they use it."""
    half = copy.deepcopy(theirs).bfloat16()
    autocast = lambda: torch.autocast("cpu", torch.bfloat16)  # noqa: E731
    return {
        "transformers tuned": within(torch.inference_mode, lambda: run(theirs)),
        "transformers tuned, medium": within(torch.inference_mode, within(medium, lambda: run(theirs))),
        "transformers tuned, autocast": within(torch.inference_mode, within(autocast, lambda: run(theirs))),
        "transformers tuned, .bfloat16()": within(torch.inference_mode, lambda: run(half)),
    }


def caption_ways(batch: int, beams: int) -> dict[str, Way]:
    """Every way to write: greedily, or by beams."""
    theirs, ours = peers("caption")
    pixels = torch.randn(batch, 3, 384, 384, generator=torch.Generator().manual_seed(1))
    prompt = torch.tensor([[START, 1037, 3861, 1997]]).repeat(batch, 1)
    length = prompt.shape[1] + NEW
    limits = blip.Limits(length, length)
    search = blip.greedy if beams == 1 else blip.beam_search

    def mine(model: blip.BLIP) -> Tensor:
        with torch.no_grad():
            seen = model.text_decoder.look(model.see(pixels))
        return torch.tensor([one.ids for one in search(model.text_decoder, seen, prompt, END, limits)])

    def other(model: Any) -> Tensor:
        ids = torch.cat([prompt, prompt[:, :1]], dim=1)  # whose last is cut off
        made: Tensor = model.generate(
            pixels.to(model.dtype), input_ids=ids, max_length=length, min_length=length, num_beams=beams,
            do_sample=False,
        )  # fmt: skip
        return made[:, prompt.shape[1] :]

    ways: dict[str, Way] = {"transformers": lambda: other(theirs), **tuned(theirs, other)}
    return ways | {name: (lambda model=model: mine(model)) for name, model in accelerated(ours).items()}


def filter_ways(batch: int) -> dict[str, Way]:
    """Every way to match two texts a picture; as transformers has it, a picture is given twice."""
    theirs, ours = peers("match")
    pixels = torch.randn(batch, 3, 384, 384, generator=torch.Generator().manual_seed(1))
    ids = torch.randint(1000, 30000, (2 * batch, 12), generator=torch.Generator().manual_seed(2))
    ids[:, 0], ids[:, -1] = 101, END
    mask = torch.ones_like(ids)

    def mine(model: blip.BLIP) -> Tensor:
        with torch.no_grad():
            return model.match(model.see(pixels), ids, mask.bool()).softmax(1)[:, 1]

    def other() -> Tensor:
        with torch.no_grad():
            made = theirs(input_ids=ids, pixel_values=pixels.repeat_interleave(2, 0), attention_mask=mask)
            return made.itm_score.softmax(1)[:, 1]

    def once(model: Any) -> Tensor:
        """A picture is seen once."""
        states = model.vision_model(pixels.to(model.dtype)).last_hidden_state.repeat_interleave(2, 0)
        read = model.text_encoder(input_ids=ids, attention_mask=mask, encoder_hidden_states=states).last_hidden_state
        return model.itm_head(read[:, 0]).float().softmax(1)[:, 1]

    ways: dict[str, Way] = {"transformers": other, **tuned(theirs, once)}
    return ways | {name: (lambda model=model: mine(model)) for name, model in accelerated(ours).items()}


def measure(ways: dict[str, Way], rounds: int) -> dict[str, dict[str, float]]:
    """CPU milliseconds of each, and how its answers are those of the first."""
    answers = {name: way() for name, way in ways.items()}  # and warm
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            taken[name].append(time.process_time() - begun)
    true = next(iter(answers.values()))
    found = {}
    for name, seconds in taken.items():
        far = (answers[name] - true).abs()
        found[name] = {
            "milliseconds": round(1e3 * min(seconds), 1),
            "median": round(1e3 * sorted(seconds)[len(seconds) // 2], 1),
            "same": int((far < 1e-3).flatten(1).all(1).sum() if far.ndim > 1 else (far < 1e-3).sum()),
        } | ({} if far.ndim > 1 else {"gap": float(far.max())})
    return found


def ratios(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """How many times as fast as transformers ours are, by the least CPU time."""
    exact = ["transformers tuned"] + ["transformers tuned, medium"] * medium_is_float32()
    every = [name for name in found if name.startswith("transformers tuned")]
    answer = {}
    for kind, peers_ in (("float32", exact), ("bfloat16", every)):
        mine = found[f"ours {kind}"]["milliseconds"]
        answer[f"{kind} : transformers"] = round(found["transformers"]["milliseconds"] / mine, 2)
        answer[f"{kind} : tuned"] = round(min(found[name]["milliseconds"] for name in peers_) / mine, 2)
    return answer


def cpu_name() -> str:
    """The processor as Linux names it, with its family and model, else its architecture."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return f"{platform.machine()}, {os.cpu_count()} cores"
    fields = dict(line.split("\t", 1) for line in info.read_text().split("\n\n")[0].splitlines() if "\t" in line)
    words = [fields.get(key, "").strip("\t: ") for key in ("model name", "cpu family", "model")]
    return "{}, family {}, model {}".format(*words)


def about() -> dict[str, Any]:
    """The machine, and what is chosen on it."""
    libraries = {
        f"{dtype} {rows}".removeprefix("torch."): probe(dtype, rows)[0]
        for dtype in (torch.float32, torch.bfloat16)
        for rows in ("few", "many")
    }
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "cpu": cpu_name(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "libraries": libraries,
    }


@torch.no_grad()
def main() -> None:
    """Measure, print a table, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=1, help="pictures at once")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    report: dict[str, Any] = {**about(), "batch": options.batch, "rounds": options.rounds, "cases": {}}
    print(f"{report['cpu']}, load {report['load']}: {report['libraries']}")
    for case in options.cases:
        made = {"greedy": lambda: caption_ways(options.batch, 1), "beam 3": lambda: caption_ways(options.batch, 3),
                "filter": lambda: filter_ways(options.batch)}  # fmt: skip
        found = measure(made[case](), options.rounds)
        report["cases"][case] = {"ways": found, "ratios": ratios(found)}
        print(f"\n{case}, {options.batch} at once")
        for way, of in found.items():
            gap = f"  gap {of['gap']:.1e}" if "gap" in of else ""
            print(f"  {way:34}{of['milliseconds']:9.1f} ms (median {of['median']:.0f})  same {of['same']}{gap}")
        for name, ratio in report["cases"][case]["ratios"].items():
            print(f"  ours in {name:36}{ratio:6.2f}", flush=True)
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
