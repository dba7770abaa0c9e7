"""Flow matching, ours and torchcfm's, with independent pairs and with optimal transport, in the same CPU time.

All models of a density, seed and budget train in one process by turns of one CPU-second, on one thread: torchcfm's as
its tutorials have it (their network, Adam at a constant rate, sigma .1, batches of 256) and `tuned` (sigma 0, batches
of 512 at ten times the rate, and as ours a warm-up, a cosine and clipped gradients); ours, whose network sees Fourier
features of x and learns more of t near the data; and the best discrete flow of the Flows tab.
Then KL(p || q) in nats by exact likelihood on points kept apart (64 steps of RK4, exact divergence), W2 between 2,000
samples by so many Euler steps and 2,000 of the data (`floor`: between two samples of the data), and for ours W2 after
one round of reflow, which has half of the budget, the flow before it the other half.

    OMP_NUM_THREADS=1 uv run --group bench benchmarks/matching.py --out matching.json
    OMP_NUM_THREADS=1 uv run --group bench benchmarks/matching.py --out matching.json --table

Goals: KL no worse than torchcfm's on any density; W2 at one step after one reflow at most half of torchcfm's.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from flow_peers import CLIP, POOL, WARM_UP
from flows import DENSITIES, add_options, by_turns, read, write
from torch import Tensor, nn
from torchcfm.conditional_flow_matching import ConditionalFlowMatcher, ExactOptimalTransportConditionalFlowMatcher
from torchcfm.models.models import MLP

from playground import flows
from playground.flows.ode import carry, divergence_of, walk

POINTS, SAMPLES, FINE = 10_000, 2000, 64
COUNTS = (1, 2, 4, 8, 100)
BEST = "playground spline"
COUPLINGS = {"cfm": ConditionalFlowMatcher, "ot-cfm": ExactOptimalTransportConditionalFlowMatcher}
Velocity = Callable[[Tensor, float], Tensor]


def theirs(
    coupling: str, density: flows.Density, seconds: float, seed: int, *, tuned: bool
) -> tuple[Velocity, Iterator[int]]:
    """torchcfm's network and its training."""
    torch.manual_seed(seed)
    net = MLP(dim=2, time_varying=True, w=64)
    matcher = COUPLINGS[coupling](sigma=0.0 if tuned else 0.1)

    def train() -> Iterator[int]:
        generator = torch.Generator().manual_seed(seed)
        lr, batch = (1e-2, 512) if tuned else (1e-3, 256)
        optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        now, spent, step = time.process_time(), 0.0, 0
        pool: Iterator[Tensor] = iter(())
        while spent < seconds:
            if tuned:
                progress = spent / seconds
                rate = lr * min(1, progress / WARM_UP) * 0.5 * (1 + math.cos(math.pi * progress))
                optimizer.param_groups[0]["lr"] = rate
            x1 = next(pool, None)
            if x1 is None:
                pool = iter(density.sample(POOL, generator).split(batch))
                x1 = next(pool)
            t, xt, ut = matcher.sample_location_and_conditional_flow(torch.randn(len(x1), 2), x1)
            optimizer.zero_grad()
            loss = (net(torch.cat([xt, t[:, None]], dim=-1)) - ut).square().mean()
            loss.backward()
            if tuned:
                nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            optimizer.step()
            step += 1
            spent += time.process_time() - now
            yield step
            now = time.process_time()

    def velocity(x: Tensor, t: float) -> Tensor:
        return net(torch.cat([x, torch.full((len(x), 1), float(t))], dim=-1))

    return velocity, train()


def ours(coupling: str, density: flows.Density, seconds: float, seed: int) -> tuple[flows.Matching, Iterator[int]]:
    """Our flow and its training."""
    flow = flows.build_matching("rectified", coupling={"cfm": "independent", "ot-cfm": "ot"}[coupling], seed=seed)
    training = flows.fit(flow, density, seconds=seconds, seed=seed, clock=time.process_time)
    return flow, (record.step for record in training)


def reflowed(density: flows.Density, seconds: float, seed: int) -> tuple[list[flows.Matching], Iterator[int]]:
    """Our flow with independent pairs for half of the time, and its reflow for the rest, which comes to stand alone."""
    held: list[flows.Matching] = []

    def train() -> Iterator[int]:
        first, training = ours("cfm", density, seconds / 2, seed)
        steps = 0
        for steps in training:
            yield steps
        begun = time.process_time()
        second = first.reflow(generator=torch.Generator().manual_seed(seed))
        left = seconds / 2 - (time.process_time() - begun)
        for record in flows.fit(second, density, seconds=max(0.1, left), seed=seed, clock=time.process_time):
            yield steps + record.step
        held.append(second)

    return held, train()


@torch.no_grad()
def kl(velocity: Velocity, x: Tensor, log_p: Tensor) -> float:
    """KL(p || q) in nats, the velocity's divergence exact."""
    field = velocity.net.field() if isinstance(velocity, flows.Matching) else divergence_of(velocity, 2)
    total = 0.0
    for part, p in zip(x.split(2500), log_p.split(2500), strict=True):
        z, logdet = carry(field, part, start=1.0, stop=0.0, steps=FINE)
        log_q = -0.5 * z.square().sum(1) - math.log(2 * math.pi) + logdet
        total += float((p - log_q).sum())
    return total / len(x)


@torch.no_grad()
def distances(velocity: Velocity, density: flows.Density, seed: int) -> dict[str, float]:
    """W2 by so many Euler steps."""
    generator = torch.Generator().manual_seed(20_000 + seed)
    z, truth, again = (
        torch.randn(SAMPLES, 2, generator=generator),
        *(density.sample(SAMPLES, generator) for _ in range(2)),
    )
    found = {"floor": flows.wasserstein(again, truth)}
    for count in COUNTS:
        slope = lambda state, t: (velocity(state[0], t),)  # noqa: E731
        *_, (_, end) = walk(slope, (z,), start=0.0, stop=1.0, steps=count, method="euler")
        found[str(count)] = flows.wasserstein(end[0], truth)
    return found


def measure(density: flows.Density, budget: float, seed: int) -> Iterator[dict[str, Any]]:
    """Train all by turns; yields the cell of each."""
    x = density.sample(POINTS, torch.Generator().manual_seed(10_000 + seed))
    log_p = density.log_prob(x)
    started: dict[str, tuple[Any, Iterator[int]]] = {}
    for coupling in COUPLINGS:
        started[f"torchcfm {coupling}"] = theirs(coupling, density, budget, seed, tuned=False)
        started[f"torchcfm {coupling} tuned"] = theirs(coupling, density, budget, seed, tuned=True)
        started[f"playground {coupling}"] = ours(coupling, density, budget, seed)
    started["playground reflow"] = reflowed(density, budget, seed)
    best = flows.build("spline", seed=seed)
    training = flows.fit(best, density, seconds=budget, seed=seed, clock=time.process_time)
    started[BEST] = best, (record.step for record in training)
    for name, steps, seconds in by_turns({name: training for name, (_, training) in started.items()}):
        model = started[name][0]
        cell = {
            "model": name,
            "density": density.name,
            "budget": budget,
            "seed": seed,
            "steps_per_second": steps / seconds,
        }
        if name == BEST:
            with torch.no_grad():
                yield cell | {"kl": float((log_p - model.log_prob(x)).mean())}
            continue
        velocity = model[0] if isinstance(model, list) else model
        call = velocity.velocity if isinstance(velocity, flows.Matching) else velocity
        yield cell | {"kl": kl(velocity, x, log_p), "w2": distances(call, density, seed)}


def table(cells: list[dict[str, Any]], budget: float) -> str:
    """Markdown: medians over the seeds."""
    cells = [cell for cell in cells if cell["budget"] == budget]
    names = list(dict.fromkeys(cell["model"] for cell in cells))
    densities = [name for name in DENSITIES if any(cell["density"] == name for cell in cells)]

    def median(name: str, density: str, value: Callable[[dict[str, Any]], float]) -> str:
        found = [value(c) for c in cells if (c["model"], c["density"]) == (name, density)]
        return f"{statistics.median(found):.4f}" if found else "-"

    def lines(head: str, value: Callable[[dict[str, Any]], float], some: list[str]) -> list[str]:
        rows = [[head, *densities], ["---"] * (1 + len(densities))]
        rows += [[name, *(median(name, density, value) for density in densities)] for name in some]
        return [f"| {' | '.join(row)} |" for row in rows] + [""]

    text = lines(f"KL in nats, {budget:g} CPU-s", lambda cell: cell["kl"], names)
    moving = [name for name in names if name != BEST]
    for count in map(str, COUNTS):
        text += lines(f"W2, {count} Euler steps", lambda cell, count=count: cell["w2"][count], moving)
    text += lines("W2 between two samples of the data", lambda cell: cell["w2"]["floor"], moving[:1])
    return "\n".join([*text, f"Median of {len({cell['seed'] for cell in cells})} seed(s)."])


def main() -> None:
    """Measure what is missing, or print what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, [15.0, 60.0], "matching.json")
    options = parser.parse_args()
    result = read(options.out)
    if not options.table:
        torch.set_num_threads(1)
        torch.optim.Adam([torch.zeros(1)])  # the first optimiser imports for seconds: in nobody's budget
        for budget in options.budgets:
            for seed in options.seeds:
                for name in options.densities:
                    if any((c["density"], c["budget"], c["seed"]) == (name, budget, seed) for c in result["cells"]):
                        continue
                    cells = list(measure(flows.density(name), budget, seed))
                    result["cells"] += cells
                    write(options.out, result)
                    print(json.dumps({c["model"]: round(c["kl"], 4) for c in cells} | {"density": name}), flush=True)
    for budget in sorted({cell["budget"] for cell in result["cells"]}):
        print(table(result["cells"], budget) + "\n")


if __name__ == "__main__":
    main()
