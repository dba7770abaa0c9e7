"""CapFilt end to end beside transformers: pictures a second of CPU time of one thread, BLIP-base size, random weights.

    OMP_NUM_THREADS=1 uv run benchmarks/capfilt.py --out capfilt.json

Of each picture a caption is written (a nucleus of .9, up to 20 tokens) and matched, as is the web's text of ten words;
reading pixels and cutting texts into tokens count. A plain loop over transformers writes with `generate`, then gives
the filter the picture twice. A tuned one takes several pictures at once and sees each once. Ours is `blip.capfilt` with
one pretrained model, which captions and filters, and with two. In turns, the best of several rounds; `gap` is the
farthest of our probabilities from those of transformers for the same texts. Goal: 4 times the plain loop.
"""

import argparse
import copy
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from blip import about, accelerated, peers

from playground import blip
from playground.blip.layouts import from_transformers
from playground.blip.tokenizer import read_tokenizer

WORDS = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1037: "a", 3861: "picture", 1997: "of"}
PROMPT = "a picture of "
Loop = Callable[[Sequence[blip.Pair]], Any]  # to probabilities of a match: of each web text and of what was written


def pairs(count: int) -> list[blip.Pair]:
    """Pictures of a camera's shape and ten words each."""
    draw = np.random.default_rng(0)
    noise = draw.integers(0, 255, (count, 12, 16, 3), dtype=np.uint8)
    return [
        blip.Pair(
            f"{i:06d}",
            Image.fromarray(noise[i]).resize((640, 480), Image.Resampling.BICUBIC),
            " ".join(f"w{word}" for word in draw.integers(2000, 30000, 10)),
        )
        for i in range(count)
    ]


def vocabulary(folder: Path) -> Path:
    """As many words as BERT's has, in a vocab.txt."""
    path = folder / "vocab.txt"
    path.write_text("\n".join(WORDS.get(i, f"w{i}") for i in range(30522)) + "\n")
    return path


def models(words: Path) -> tuple[Any, Any, dict[str, blip.BLIP], blip.BLIP]:
    """transformers' captioner and filter that share a ViT and more, as pretrained; ours as one; a captioner apart."""
    (captioner, _), (judge, _) = peers("caption"), peers("match")
    captioner.vision_model = judge.vision_model
    decoder = captioner.text_decoder.bert
    decoder.embeddings.load_state_dict(judge.text_encoder.embeddings.state_dict())
    for its, mine in zip(decoder.encoder.layer, judge.text_encoder.encoder.layer, strict=True):
        its.crossattention, its.intermediate, its.output = mine.crossattention, mine.intermediate, mine.output
    state = judge.state_dict()
    one = from_transformers(state | captioner.state_dict(), judge.config.to_dict(), like_transformers=True)
    alone = from_transformers(captioner.state_dict(), captioner.config.to_dict(), like_transformers=True)
    for model in (one, alone):
        model.eval().requires_grad_(False)
        model.tokenizer = read_tokenizer(words, pad=0, end=102)
    return captioner, judge, accelerated(one), alone


def loops(words: Path, batch: int) -> tuple[dict[str, Loop], Callable[..., torch.Tensor]]:
    """Every way to do it, and what transformers would say."""
    captioner, judge, ours, alone = models(words)
    cutter = transformers.BertTokenizerFast(str(words))
    reader = transformers.BlipImageProcessor()
    limits = blip.Limits(20, 5)

    def plain(some: Sequence[blip.Pair]) -> list[float]:
        """Picture by picture, as its documentation shows it."""
        found: list[float] = []
        prompt = cutter(PROMPT, return_tensors="pt").input_ids  # whose last `generate` cuts off
        for pair in some:
            pixels = reader(pair.image, return_tensors="pt").pixel_values
            made = captioner.generate(pixels, input_ids=prompt.clone(), do_sample=True, top_p=0.9, top_k=0,
                                      max_length=20, min_length=5)  # fmt: skip
            texts = [pair.text, cutter.decode(made[0, prompt.shape[1] - 1 :], skip_special_tokens=True)]
            read = cutter(texts, padding=True, truncation=True, max_length=35, return_tensors="pt")
            logits = judge(
                input_ids=read.input_ids, attention_mask=read.attention_mask, pixel_values=pixels.repeat(2, 1, 1, 1)
            ).itm_score
            found += logits.softmax(1)[:, 1].tolist()
        return found

    def tuned(some: Sequence[blip.Pair], writer: Any, matcher: Any) -> list[float]:
        """Several at once, each seen once."""
        found: list[float] = []
        prompt = cutter(PROMPT, return_tensors="pt").input_ids[:, :-1]
        prompt[:, 0] = 30522
        with torch.inference_mode():
            for few in (some[i : i + batch] for i in range(0, len(some), batch)):
                pixels = reader([pair.image for pair in few], return_tensors="pt").pixel_values.to(matcher.dtype)
                states = matcher.vision_model(pixels).last_hidden_state
                made = writer.text_decoder.generate(
                    input_ids=prompt.repeat(len(few), 1), encoder_hidden_states=states, do_sample=True, top_p=0.9,
                    top_k=0, max_length=20, min_length=5, eos_token_id=102, pad_token_id=0,
                )  # fmt: skip
                said = cutter.batch_decode(made[:, prompt.shape[1] :], skip_special_tokens=True)
                texts = [text for pair, own in zip(few, said, strict=True) for text in (pair.text, own)]
                read = cutter(texts, padding=True, truncation=True, max_length=35, return_tensors="pt")
                answer = matcher.text_encoder(
                    input_ids=read.input_ids, attention_mask=read.attention_mask,
                    encoder_hidden_states=states.repeat_interleave(2, 0),
                ).last_hidden_state  # fmt: skip
                found += matcher.itm_head(answer[:, 0]).float().softmax(1)[:, 1].tolist()
        return found

    def mine(some: Sequence[blip.Pair], writer: blip.BLIP, matcher: blip.BLIP) -> list[blip.Decision]:
        return list(blip.capfilt(some, writer, matcher, limits=limits, batch_size=batch))

    half = [copy.deepcopy(model).bfloat16() for model in (captioner, judge)]
    theirs: dict[str, Loop] = {
        "transformers": plain,
        "transformers tuned": lambda some: tuned(some, captioner, judge),
        "transformers tuned, .bfloat16()": lambda some: tuned(some, *half),
    }
    one: dict[str, Loop] = {name: lambda some, m=model: mine(some, m, m) for name, model in ours.items()}
    two: dict[str, Loop] = {
        f"{name}, two models": lambda some, m=model, name=name: mine(some, m, ours[name])
        for name, model in accelerated(alone).items()
        if name != "ours"
    }

    def judged(some: Sequence[blip.Pair], texts: Sequence[str]) -> torch.Tensor:
        """By transformers, of two texts a picture."""
        pixels = reader([pair.image for pair in some], return_tensors="pt").pixel_values.repeat_interleave(2, 0)
        read = cutter(list(texts), padding=True, return_tensors="pt")
        logits = judge(input_ids=read.input_ids, attention_mask=read.attention_mask, pixel_values=pixels).itm_score
        return logits.softmax(1)[:, 1]

    return theirs | one | two, judged


@torch.no_grad()
def main() -> None:
    """Measure, print a table, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8, help="pictures at once, in ours and in the tuned loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    some = pairs(options.pictures)
    with tempfile.TemporaryDirectory() as folder:
        ways, judged = loops(vocabulary(Path(folder)), options.batch)
    report: dict[str, Any] = {**about(), "pictures": len(some), "batch": options.batch, "rounds": options.rounds}
    print(f"{report['cpu']}, load {report['load']}: {report['libraries']}")
    for loop in ways.values():
        loop(some[:1])  # warm
    least, made = dict.fromkeys(ways, float("inf")), {}
    for _ in range(options.rounds):
        for name, loop in ways.items():
            begun = time.process_time()
            made[name] = loop(some)
            least[name] = min(least[name], time.process_time() - begun)
    report["ways"] = {}
    for name, seconds in least.items():
        times = least["transformers"] / seconds
        found = {"pictures_a_second": round(len(some) / seconds, 3), "times_transformers": round(times, 2)}
        line = f"  {name:34}{found['pictures_a_second']:7.3f} pictures a second{times:7.2f} times"
        if name.startswith("ours"):
            ours = made[name]
            true = judged(some, [one.text for one in ours])
            found["gap"] = float((true - torch.tensor([one.probability for one in ours])).abs().max())
            line += f"  gap {found['gap']:.1e}"
        report["ways"][name] = found
        print(line, flush=True)
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
