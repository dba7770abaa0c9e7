"""What a lease of a resident model costs, and seconds per GiB placed where there is CUDA; JSON on stdout.

    uv run benchmarks/manager.py

Goal: the median lease under 20 microseconds.
"""

import json
import os
import statistics
import time

import torch
from torch import nn

from playground.manager import ModelManager, ModelSpec

ROUNDS, LEASES = 1001, 100  # rounds short enough that most fit between two switches of the scheduler


def small() -> nn.Module:
    """A model of a few bytes."""
    return nn.Linear(8, 8).eval().requires_grad_(False)


def lease_microseconds() -> float:
    """Median over rounds of the mean time of `with manager.lease(spec): pass`, the model being there."""
    manager = ModelManager("cpu", budget=2**20)
    spec = ModelSpec("small", small)
    for _ in range(LEASES):
        with manager.lease(spec):
            pass
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(LEASES):
            with manager.lease(spec):
                pass
        rounds.append((time.perf_counter() - start) / LEASES)
    return statistics.median(rounds) * 1e6


def seconds_per_gib() -> float:
    """Median seconds that placing 1 GiB of weights on the CUDA device takes, of five."""

    def load() -> nn.Module:
        return nn.ParameterList(nn.Parameter(torch.ones(2**23)) for _ in range(32)).eval().requires_grad_(False)

    manager = ModelManager("cuda", budget=2**31)
    for i in range(5):
        with manager.lease(ModelSpec(f"{i}", load)):
            torch.cuda.synchronize()
        manager.evict()
    return statistics.median(event.seconds for event in manager.events if event.kind == "place")


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    cuda = torch.cuda.is_available()
    figures = {
        "lease_microseconds": round(lease_microseconds(), 2),
        "goal_microseconds": 20,
        "placed_seconds_per_gib": round(seconds_per_gib(), 3) if cuda else None,
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "torch": torch.__version__,
        "cores": os.cpu_count(),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
