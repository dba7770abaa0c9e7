"""How near do our flows and those of zuko and normflows come to a density in the same CPU time, and how fast are they?

All models of a density, seed and budget train in one process by turns of one CPU-second, on one thread, so that the
machine's moods meet all alike. Then: the divergence KL(p || q) in nats on points kept apart (with its standard error),
steps per CPU-second, CPU-seconds for a 200 x 200 grid of log-densities and for 10,000 samples. Every cell is written as
soon as it is measured, and a second call goes on where the first stopped.

    uv run --group bench benchmarks/flows.py --out flows.json
    uv run --group bench benchmarks/flows.py --out flows.json --table

Goals of ours at 15 s: moons .004, eight_gaussians .006, checkerboard .035, pinwheel .007, spirals .010 nats, and a
geometric mean at least 3 times below the best tuned peer; grid .2 s; 10,000 samples .06 s.
"""

import argparse
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from flow_peers import PEERS, Peer, PeerModel, train

from playground import flows

OWN = "playground-"
BEST = OWN + "spline"  # what is compared with the best peer
DENSITIES = ("moons", "eight_gaussians", "checkerboard", "pinwheel", "spirals")
TURN = 1.0  # CPU-seconds of training before the next model has its turn
POINTS = 100_000  # on which the divergence is estimated
Model = flows.Flow | PeerModel
Cell = dict[str, Any]


def start(name: str, density: flows.Density, budget: float, seed: int) -> tuple[Model, Iterator[int]]:
    """A new model and its training, which yields the number of each step."""
    clock = time.process_time
    if name.startswith(OWN):
        flow = flows.build(name.removeprefix(OWN), seed=seed)
        return flow, (r.step for r in flows.fit(flow, density, seconds=budget, seed=seed, clock=clock))
    peer: Peer = PEERS[name]
    model = peer.build(seed)
    return model, train(peer, model, density.sample, seconds=budget, seed=seed, clock=clock)


def by_turns(trainings: dict[str, Iterator[int]]) -> Iterator[tuple[str, int, float]]:
    """Run all to their ends, a turn each; yields name, steps and CPU-seconds of each as it ends."""
    steps, spent = dict.fromkeys(trainings, 0), dict.fromkeys(trainings, 0.0)
    waiting = list(trainings)
    while waiting:
        for name in list(waiting):
            begun, over = time.process_time(), False
            while not over and time.process_time() - begun < TURN:
                step = next(trainings[name], None)
                over = step is None
                steps[name] = steps[name] if step is None else step
            spent[name] += time.process_time() - begun
            if over:
                waiting.remove(name)
                yield name, steps[name], spent[name]


def cpu_seconds(job: Callable[[], object], times: int = 3) -> float:
    """The least CPU time of a few calls."""
    least = math.inf
    for _ in range(times):
        begun = time.process_time()
        job()
        least = min(least, time.process_time() - begun)
    return least


@torch.no_grad()
def divergence(model: Model, x: torch.Tensor, log_p: torch.Tensor) -> tuple[float, float]:
    """Mean of log p - log q in nats and its standard error; infinite where q has no finite value."""
    gap = torch.cat([p - model.log_prob(part) for part, p in zip(x.split(4096), log_p.split(4096), strict=True)])
    if not gap.isfinite().all():
        return math.inf, math.inf
    return gap.mean().item(), gap.std().item() / math.sqrt(len(gap))


def measure(names: Sequence[str], density: flows.Density, budget: float, seed: int) -> Iterator[Cell]:
    """Train all models by turns; yields the cell of each."""
    x = density.sample(POINTS, torch.Generator().manual_seed(10_000 + seed))
    log_p = density.log_prob(x)
    if log_p is None:
        raise ValueError(f"{density.name} has no exact log-density, so no divergence")
    started = {name: start(name, density, budget, seed) for name in names}
    for name, steps, seconds in by_turns({name: training for name, (_, training) in started.items()}):
        model = started[name][0]
        model.eval()
        kl, error = divergence(model, x, log_p)
        yield {
            "model": name,
            "density": density.name,
            "budget": budget,
            "seed": seed,
            "kl": kl,
            "kl_error": error,
            "steps": steps,
            "steps_per_second": steps / seconds,
            "grid_seconds": cpu_seconds(lambda m=model: log_prob_or_error(m)),
            "samples_seconds": cpu_seconds(lambda m=model: m.sample(10_000)),
        }


def log_prob_or_error(model: Model) -> object:
    """The grid, or the error of a model that overflowed: the time is the same."""
    try:
        return flows.log_prob_grid(model, n=200)
    except FloatingPointError as error:
        return error


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {"cells": []}


def write(path: Path, result: dict[str, Any]) -> None:
    """Replace the file in one step: a reader and an interruption find the old one or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    part.replace(path)


def table(cells: Sequence[Cell], budget: float) -> str:
    """Markdown: the median KL over seeds of every model and density, its speed, and the best tuned peer over ours."""
    cells = [cell for cell in cells if cell["budget"] == budget]
    names = list(dict.fromkeys(cell["model"] for cell in cells))
    densities = [name for name in DENSITIES if any(cell["density"] == name for cell in cells)]

    def median(key: str, **wanted: str) -> float:
        return statistics.median([c[key] for c in cells if all(c[k] == v for k, v in wanted.items())] or [math.nan])

    seeds = len({cell["seed"] for cell in cells})
    head = [f"KL in nats at {budget:g} CPU-s", *densities, "steps/s", "grid s", "10k samples s"]
    lines = [head, ["---"] * len(head)]
    for name in names:
        kls = [f"{median('kl', model=name, density=d):.4f}" for d in densities]
        speeds = [median(key, model=name) for key in ("steps_per_second", "grid_seconds", "samples_seconds")]
        lines.append([name, *kls, f"{speeds[0]:.0f}", *(f"{s:.3f}" for s in speeds[1:])])
    for kind in ("tuned", "const"):
        peers = [name for name in names if name.endswith(kind)]
        if not peers:
            continue
        ratios = []
        for d in densities:
            rivals = [median("kl", model=name, density=d) for name in peers]
            ratios.append(
                min((r for r in rivals if not math.isnan(r)), default=math.nan) / median("kl", model=BEST, density=d)
            )
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        lines.append(
            [f"best {kind} peer / {BEST}", *(f"{r:.1f}x" for r in ratios), f"geometric mean {mean:.2f}x", "", ""]
        )
    note = f"Median of {seeds} seed(s)."
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), "", note])


def add_options(parser: argparse.ArgumentParser, budgets: list[float], out: str) -> None:
    """What is measured, and where it is kept."""
    parser.add_argument("--densities", nargs="+", choices=DENSITIES, default=list(DENSITIES))
    parser.add_argument("--budgets", nargs="+", type=float, default=budgets, help="CPU-seconds of training")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("--table", action="store_true", help="print what --out holds as Markdown and stop")


def main() -> None:
    """Measure what is missing, or print what is there."""
    models = [OWN + name for name in flows.FLOWS] + list(PEERS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--models", nargs="+", choices=models, default=[BEST, *PEERS], metavar="MODEL", help=", ".join(models)
    )
    add_options(parser, [5.0, 15.0, 60.0], "flows.json")
    options = parser.parse_args()
    result = read(options.out)
    if not options.table:
        torch.set_num_threads(1)
        torch.optim.Adam([torch.zeros(1)])  # the first optimiser imports for seconds: in nobody's budget
        result |= {
            "machine": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "torch": torch.__version__,
        }
        for budget in options.budgets:
            for seed in options.seeds:
                for name in options.densities:
                    done = {
                        c["model"]
                        for c in result["cells"]
                        if (c["density"], c["budget"], c["seed"]) == (name, budget, seed)
                    }
                    missing = [model for model in options.models if model not in done]
                    for cell in measure(missing, flows.density(name), budget, seed):
                        result["cells"].append(cell)
                        write(options.out, result)
                        print(f"{name:16} seed {seed} {budget:g} s  {cell['model']:26} KL {cell['kl']:.4f}", flush=True)
    for budget in sorted({cell["budget"] for cell in result["cells"]}):
        print(table(result["cells"], budget) + "\n")


if __name__ == "__main__":
    main()
