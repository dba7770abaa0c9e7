"""Still lifes a second on one core, as the models see them and larger, and milliseconds to think one up.

    uv run benchmarks/world.py

Goals: 120 pictures of 64 x 64 a second and core, 50 of 96 x 96.
"""

import json
import time

import torch

from playground import world

COUNT = 256


def main() -> None:
    """Measure by CPU time and print."""
    torch.set_num_threads(1)
    begun = time.process_time()
    scenes = [world.sample(seed) for seed in range(COUNT)]
    figures = {"milliseconds_a_scene": round(1e3 * (time.process_time() - begun) / COUNT, 2)}
    world.render_all(scenes[:32])
    for size, goal in ((64, 120), (96, 50), (256, None)):
        rates = []
        some = scenes[: COUNT * 64 * 64 // (size * size)]
        for _ in range(3):
            begun = time.process_time()
            for seed in range(len(some)):
                world.sample(seed)
            world.render_all(some, size)
            rates.append(len(some) / (time.process_time() - begun))
        figures[f"pictures_of_{size}_a_second"] = round(sorted(rates)[1], 1)
        if goal:
            figures[f"goal_{size}"] = goal
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
