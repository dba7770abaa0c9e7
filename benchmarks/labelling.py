"""Pictures a second from JPEG files to labels: decoding that hides behind encoding, against the plain loop.

    uv run benchmarks/labelling.py --out labelling.json
    uv run benchmarks/labelling.py --count 48 --width 4000      # as a telephone takes them

200 JPEG pictures of 1024 x 768, made here, and a ViT-B/32 of random weights. Both the plain loop, which opens,
preprocesses and encodes batches of 16 one after the other, and ours, which decodes in `--workers` threads beside the
encoding, run with one thread of torch and with `--threads`. All run by turns, `--rounds` times; figures
are medians of wall-clock seconds. `decoding_alone` is what could be hidden: at best the plain loop with one thread
takes plain / max(plain - decoding, decoding / workers, plain / cores) times as long as ours; printed as `bound`.

Goal: at least 1.3 times the plain loop with one thread. Where other work fills the cores, nothing can be hidden.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from playground import clip
from playground.clip.embed import embed_images
from playground.clip.tokenizer import default_tokenizer

LABELS = ["a cat", "a dog", "a car"]
BATCH = 16


def vit_b_32() -> clip.CLIP:
    """OpenAI's ViT-B/32 with random weights."""
    config = clip.Config(
        activation="quick_gelu",
        embed_dim=512,
        image_size=224,
        patch_size=32,
        vision=clip.Tower(width=768, layers=12, heads=12, hidden=3072),
        text=clip.Tower(width=512, layers=12, heads=8, hidden=2048),
    )
    model = clip.build(config).eval().requires_grad_(False)
    model.tokenizer = default_tokenizer()
    return model


def draw(folder: Path, count: int, width: int) -> None:
    """Smooth shapes with a little noise: some 150 kB at a width of 1024, as photographs of this size have."""
    random = np.random.default_rng(0)
    for i in range(count):
        small = Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        smooth = np.asarray(small.resize((width, width * 3 // 4), Image.Resampling.BICUBIC), np.int16)
        noisy = (smooth + random.integers(-9, 10, smooth.shape, dtype=np.int16)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{i:03d}.jpg", quality=85)


def plain(model: clip.CLIP, pictures: clip.Pictures, weights: np.ndarray) -> list[int]:
    """Open, preprocess and encode, a batch after the other."""
    answer: list[int] = []
    for start in range(0, len(pictures), BATCH):
        images = [clip.read_image(file.read()) for file in pictures[start : start + BATCH]]
        answer += (embed_images(model, images, batch_size=BATCH) @ weights.T).argmax(1).tolist()
    return answer


def timed(run: Callable[[], list[int]], threads: int) -> tuple[float, float, list[int]]:
    """Wall-clock and CPU seconds, and the labels."""
    torch.set_num_threads(threads)
    begun, used = time.perf_counter(), time.process_time()
    labels = run()
    return time.perf_counter() - begun, time.process_time() - used, labels


def main() -> None:
    """Measure by turns and print."""
    cores = os.cpu_count() or 1
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=cores, help="of torch, beside one; 1 leaves that part out")
    parser.add_argument("--count", type=int, default=200, help="pictures")
    parser.add_argument("--width", type=int, default=1024, help="pixels; the height is three quarters of it")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    model = vit_b_32()
    with TemporaryDirectory() as folder:
        draw(Path(folder), options.count, options.width)
        pictures = clip.find_pictures(folder)
        *_, head = clip.classifier_head(model, LABELS)

        def ours() -> list[int]:
            steps = clip.label_pictures(model, pictures, LABELS, batch_size=BATCH, workers=options.workers)
            return [step.index if step.index is not None else -1 for step in steps]

        def theirs() -> list[int]:
            return plain(model, pictures, head.weights)

        def decoding() -> list[int]:
            for file in pictures:
                clip.preprocess([clip.read_image(file.read())], model.config)
            return []

        runs = {
            "pipelined_1_thread": (ours, 1),
            "plain_1_thread": (theirs, 1),
            f"pipelined_{options.threads}_threads": (ours, options.threads),
            f"plain_{options.threads}_threads": (theirs, options.threads),
            "decoding_alone": (decoding, 1),
        }
        if options.threads == 1:
            runs = {name: run for name, run in runs.items() if not name.endswith("_threads")}
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        used: dict[str, list[float]] = {name: [] for name in runs}
        answers = []
        load = os.getloadavg()[0]
        for _ in range(options.rounds):
            for name, (run, threads) in runs.items():
                wall, cpu, labels = timed(run, threads)
                seconds[name].append(wall)
                used[name].append(cpu)
                answers += [labels] if labels else []
        assert all(labels == answers[0] for labels in answers), "the labels differ"
        size = statistics.mean(path.stat().st_size for path in Path(folder).iterdir())
    median = {name: statistics.median(values) for name, values in seconds.items()}
    whole, part = median["plain_1_thread"], median["decoding_alone"]
    figures = {
        "seconds": {name: round(value, 2) for name, value in median.items()},
        "cpu_seconds": {name: round(statistics.median(values), 2) for name, values in used.items()},
        "all_seconds": {name: [round(value, 2) for value in values] for name, values in seconds.items()},
        "times_plain_1_thread": round(whole / median["pipelined_1_thread"], 3),
        "bound": round(whole / max(whole - part, part / options.workers, whole / cores), 3),
        "goal": 1.3,
        "pictures": options.count,
        "pixels": [options.width, options.width * 3 // 4],
        "kilobytes_a_picture": round(size / 1e3),
        "workers": options.workers,
        "cores": cores,
        "load_before": round(load, 2),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
    }
    text = json.dumps(figures, indent=2)
    if options.out is not None:
        options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
