"""What watching costs: steps per second of `flows.fit` alone and of `flows.watch`, by turns, and frames per second.

    uv run python benchmarks/live.py --flow spline --density moons --seconds 6 --rounds 3

Prints JSON. Goals on two cores: at least 8 frames a second at 200 x 200, training slowed by at most 20 %, the first
frame within 1 s.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections import deque

import torch

from playground import flows


def alone(flow: str, density: flows.Density, seconds: float) -> float:
    """Steps per second without a picture."""
    (last,) = deque(flows.fit(flows.build(flow), density, seconds=seconds), maxlen=1)
    return last.step / last.seconds


def watched(flow: str, density: flows.Density, seconds: float) -> dict[str, float]:
    """Steps per second, frames per second, the seconds to the first frame and the live grid's side."""
    begun = time.perf_counter()
    times, sides, last = [], [], None
    for frame in flows.watch({flow: flows.build(flow)}, density, seconds=seconds):
        times.append(time.perf_counter() - begun)
        sides.append(len(frame.lanes[0].log_p))
        last = frame.lanes[0]
    assert last is not None
    live = times[1:-1]
    return {
        "steps_per_second": last.steps_per_second,
        "frames_per_second": (len(live) - 1) / (live[-1] - live[0]),
        "first_frame_seconds": times[0],
        "side": statistics.median(sides[1:-1]),
    }


def main() -> None:
    """Interleave both, print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flow", default="spline", choices=list(flows.FLOWS))
    parser.add_argument("--density", default="moons", choices=list(flows.DENSITIES))
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # as app.py does
    density = flows.density(options.density)
    rounds = [
        (alone(options.flow, density, options.seconds), watched(options.flow, density, options.seconds))
        for _ in range(options.rounds)
    ]
    median = {key: statistics.median(live[key] for _, live in rounds) for key in rounds[0][1]}
    base = statistics.median(rate for rate, _ in rounds)
    slowed = statistics.median(1 - live["steps_per_second"] / rate for rate, live in rounds)
    print(
        json.dumps(
            {
                "flow": options.flow,
                "density": options.density,
                "alone_steps_per_second": base,
                **median,
                "training_slowed_by": slowed,
                "torch": torch.__version__,
                "cores": os.cpu_count(),
                "load": os.getloadavg()[0],
                "machine": platform.machine(),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
