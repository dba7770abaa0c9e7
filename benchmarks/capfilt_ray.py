"""CapFilt by one worker of Ray and by two, and what a pair costs: BLIP-base of random weights, 384 x 384 pixels.

    OMP_NUM_THREADS=1 uv run --extra ray benchmarks/capfilt_ray.py --out capfilt_ray.json

A worker has one thread. Pairs a second are counted between the part that ends the first two of each worker, when all
have begun, and the last one, by turns `--rounds` times; the ratio is of the medians. CPU seconds a pair are of one
thread without Ray, in batches of 16, the least of `--rounds`: all, the filter alone, and one pass of the ViT, of which
there is one where captioner and filter are one model. Captions are as long as they may be (20 tokens), since random
weights do not end them. `--small` takes a small model, to try the script.

Goal: two workers at least 1.7 times one. Where other work fills the cores, as `load` tells, nothing can be gained.
"""

import argparse
import json
import os
import platform
import statistics
import tarfile
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from playground import blip
from playground.blip.capfilt import score_pairs
from playground.blip.preprocess import preprocess
from playground.blip.ray_engine import RayEngine
from playground.blip.sets import PairSet, open_set
from playground.blip.tokenizer import read_tokenizer
from playground.nn.tower import Tower
from playground.pictures import read_image

OPTIONS = {"candidates": 1, "top_p": 0.9, "limits": None, "seed": 0, "batch_size": 16}
TEXT = "two people walk a dog along the beach at sunset"
SPECIAL = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 104: "a", 105: "picture", 106: "of"}


def load(words: str, small: bool, device: str) -> tuple[blip.BLIP, blip.BLIP, None]:
    """The same model in each process, for captions and matches."""
    tower = Tower(96, 3, 4, 384) if small else Tower(768, 12, 12, 3072)
    config = blip.Config(image_size=384, patch_size=16, vision=tower, text=tower, tasks=("caption", "match"))
    model = blip.build(config).eval().requires_grad_(False).to(device)
    model.tokenizer = read_tokenizer(Path(words), pad=config.pad, end=config.end)
    return model, model, None


def draw(folder: Path, count: int) -> Path:
    """Pictures of 640 x 480, as JPEG some 50 kB, in a shard."""
    random = np.random.default_rng(0)
    with tarfile.open(folder / "pairs.tar", "w") as shard:
        for i in range(count):
            small = Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8))
            smooth = np.asarray(small.resize((640, 480), Image.Resampling.BICUBIC), np.int16)
            noisy = (smooth + random.integers(-9, 10, smooth.shape, dtype=np.int16)).clip(0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"{i:05d}.jpg", quality=80)
            (folder / f"{i:05d}.txt").write_text(TEXT)
            for ending in ("jpg", "txt"):
                shard.add(folder / f"{i:05d}.{ending}", f"{i:05d}.{ending}")
    return folder / "pairs.tar"


def pairs_a_second(engine: RayEngine, pairs: PairSet, part: int) -> float:
    """Without the first two parts of each worker."""
    assert engine.workers is not None
    times = [time.perf_counter() for _ in engine(pairs, 0, part, OPTIONS)]
    first = 2 * engine.workers - 1
    return part * (len(times) - 1 - first) / (times[-1] - times[first])


def cost(pairs: PairSet, words: str, small: bool, rounds: int) -> dict[str, float]:
    """CPU seconds a pair of one thread, and pairs a second read from the shard."""
    torch.set_num_threads(1)
    some = list(pairs)[:16]
    model, _, _ = load(words, small, "cpu")
    images = [read_image(pair.image) for pair in some if isinstance(pair.image, bytes)]

    def see() -> None:
        with torch.no_grad():
            model.see(preprocess(images, model.config))

    runs = {
        "all": lambda: list(score_pairs(some, model, model, **OPTIONS)),  # type: ignore[arg-type]
        "filter alone": lambda: list(score_pairs(some, model, model, **OPTIONS | {"candidates": 0})),  # type: ignore[arg-type]
        "one pass of the ViT": see,
    }
    least: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            begun = time.process_time()
            run()
            least[name] = min(least.get(name, float("inf")), (time.process_time() - begun) / len(some))
    begun = time.process_time()
    read = sum(1 for _ in pairs)
    return {name: round(value, 4) for name, value in least.items()} | {
        "reading a shard": round((time.process_time() - begun) / read, 6)
    }


def main() -> None:
    """Measure by turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", type=int, default=16, help="of a run, more than four")
    parser.add_argument("--part", type=int, default=2, help="pairs")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        words = Path(folder, "vocab.txt")
        words.write_text("\n".join(SPECIAL.get(i, f"w{i}") for i in range(30522)) + "\n")
        pairs = open_set(draw(Path(folder), max(16, options.parts * options.part)))
        some = PairSet(pairs.kind, pairs.source, None, lambda: iter(list(pairs)[: options.parts * options.part]))
        figures: dict[str, object] = {"cpu_seconds_a_pair": cost(pairs, str(words), options.small, options.rounds)}
        rates: dict[int, list[float]] = {1: [], 2: []}
        load_before = os.getloadavg()[0]
        for _ in range(options.rounds):
            for workers, found in rates.items():
                engine = RayEngine(partial(load, str(words), options.small), workers=workers)
                found.append(pairs_a_second(engine, some, options.part))
        size = Path(folder, "pairs.tar").stat().st_size / max(16, options.parts * options.part)
    median = {workers: statistics.median(found) for workers, found in rates.items()}
    figures |= {
        "pairs_a_second": {workers: round(value, 3) for workers, value in median.items()},
        "all_rates": {workers: [round(value, 3) for value in found] for workers, found in rates.items()},
        "two workers, times one": round(median[2] / median[1], 2),
        "goal": 1.7,
        "kilobytes_a_pair": round(size / 1e3),
        "parts": options.parts,
        "pairs_a_part": options.part,
        "cores": os.cpu_count(),
        "load": [round(load_before, 2), round(os.getloadavg()[0], 2)],
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
    }
    text = json.dumps(figures, indent=2)
    if options.out is not None:
        options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
