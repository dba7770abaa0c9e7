"""How near does a sampler come to the exact solution of its ODE in so many calls of the denoiser: ours and diffusers'.

The denoiser is exact (a mixture's posterior mean). The error is that of the end point against a fine Runge-Kutta
solution from the same noise, RMS over coordinates and noises in the data's standard deviations; in many dimensions the
median over noises is what to compare, since the RMS counts the few noises that end at another component. Ours start at
x_hat = 80 noise (`free` also at Stable Diffusion's 14.6), diffusers' where each scheduler starts, and each is measured
against the solution from its own start. `free` are our training-free methods on all our grids; `distilled` is fitted to
that distribution with other noises, 15 CPU-seconds each, on one thread. Every cell is written as soon as it is
measured, and a second call goes on where the first stopped.

    OMP_NUM_THREADS=1 uv run --group bench benchmarks/samplers.py --out samplers.json
    uv run --group bench benchmarks/samplers.py --out samplers.json --table

Goals: the best free choice within 1.05 of the best scheduler; distilled at most a tenth of it at 4 to 20 calls on
eight_gaussians, moons and spirals, a quarter on fractal and high; at most half of the time a step with a free denoiser.
"""

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch
from sampler_peers import PEERS, drive

from playground import diffusion
from playground.diffusion.exact import exact_ode

NFES = (4, 5, 6, 8, 10, 12, 16, 20, 32, 50)
DISTILLED = tuple(nfe for nfe in NFES if nfe <= 20)
KINDS = ("diffusers", "free", "distilled")
HELD_OUT = 10_000  # the seed of the noises: neither the tests' nor those that are fitted to
SECONDS = 15.0
Cell = dict[str, Any]


class Bench:
    """A target, its held-out noises and the exact ends from each scheduler's start."""

    def __init__(self, target: str, noises: int) -> None:
        self.target = target
        self.denoiser = diffusion.target(target)
        self.arena = diffusion.Arena(self.denoiser, noises=noises, seed=HELD_OUT)
        start = diffusion.schedule("scaled_linear").sigma_max  # where half of their configurations start
        self.lower = diffusion.Arena(self.denoiser, sigma_max=start, noises=noises, seed=HELD_OUT)
        self.ends: dict[tuple[float, float], torch.Tensor] = {}

    def end(self, first: float, start: float) -> torch.Tensor:
        key = (float(f"{first:.6g}"), float(f"{start:.6g}"))
        if key not in self.ends:
            self.ends[key] = exact_ode(self.denoiser, self.arena.noise * start, first, steps=400)
        return self.ends[key]

    def diffusers(self, nfe: int) -> list[Cell]:
        results = []
        for name, make in PEERS.items():
            try:
                ran = drive(make, self.denoiser, self.arena.noise, nfe)
            except (ValueError, IndexError, RuntimeError, ZeroDivisionError, AssertionError) as error:
                results.append(
                    result(name, math.inf, math.inf, 0) | {"raised": f"{type(error).__name__}: {error}"[:120]}
                )
                continue
            if ran is not None:
                gap = self.gaps(ran.samples, self.end(ran.first, ran.start))
                more = {"first": ran.first, "start": ran.start}
                results.append(result(name, *gap, ran.calls) | more)
        return results

    def gaps(self, samples: torch.Tensor, end: torch.Tensor) -> tuple[float, float]:
        """RMS and median; infinite where a sample is not finite."""
        gap = ((samples - end) / self.arena.std).square().mean(1).sqrt()
        if not gap.isfinite().all():
            return math.inf, math.inf
        return float(gap.square().mean().sqrt()), float(gap.quantile(0.5))

    def free(self, nfe: int) -> list[Cell]:
        return [
            result(f"{p.solver}, {p.grid}, from {arena.sigma_max:.3g}", p.rms, p.median, p.nfe)
            for arena in (self.arena, self.lower)
            for p in arena.points(nfe)
        ]

    def distilled(self, nfe: int) -> list[Cell]:
        *_, last = diffusion.distill(self.denoiser, nfe=nfe, seconds=SECONDS, clock=time.process_time)
        solver = last.solver
        assert solver is not None
        error = self.arena.error(solver.solver(), sigmas=solver.sigmas)
        more = {
            "cpu_seconds": last.seconds,
            "train_rms": solver.train_error,
            "noises": solver.noises,
            "solver": json.loads(solver.to_json()),
        }
        return [result(solver.label, error.rms, error.median, error.nfe) | more]


def result(name: str, rms: float, median: float, calls: int) -> Cell:
    """One line; what is not finite is null."""
    finite = [x if math.isfinite(x) else None for x in (rms, median)]
    return {"name": name, "rms": finite[0], "median": finite[1], "calls": calls}


def overhead(steps: int = 20, times: int = 30) -> list[Cell]:
    """Microseconds a call with a denoiser that costs nothing, 256 points of the plane: the least of runs by turns.

    A run with its grid: theirs `set_timesteps` and the loop over `scheduler.step`, ours the loop over `steps`, on EDM's
    levels where theirs has s = 1, else DDPM's.
    """
    free: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = lambda x, sigma: 0.5 * x  # noqa: E731, ARG005
    noise = torch.randn(256, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain, scaled = diffusion.schedule("edm"), diffusion.schedule("ddpm")
    pairs: list[tuple[str, Any, dict[str, Any]]] = [
        ("ddim", diffusers.DDIMScheduler, {"clip_sample": False}),
        ("ddim", diffusers.EulerDiscreteScheduler, {}),
        ("heun", diffusers.HeunDiscreteScheduler, {}),
        ("dpmpp_2m", diffusers.DPMSolverMultistepScheduler, {}),
        ("dpmpp_3m", diffusers.DPMSolverMultistepScheduler, {"solver_order": 3}),
        ("dpmpp_2s", diffusers.DPMSolverSinglestepScheduler, {}),
        ("unipc", diffusers.UniPCMultistepScheduler, {"solver_order": 3}),
        ("deis", diffusers.DEISMultistepScheduler, {"solver_order": 3}),
        ("pndm", diffusers.PNDMScheduler, {"skip_prk_steps": True}),
        ("ipndm", diffusers.IPNDMScheduler, {}),
    ]
    if hasattr(diffusers, "LMSDiscreteScheduler"):
        pairs.append(("lms", diffusers.LMSDiscreteScheduler, {}))

    def theirs(cls: Any, options: dict[str, Any]) -> float:
        scheduler = cls(**options)
        sample = noise.float()
        begun = time.perf_counter()
        scheduler.set_timesteps(steps)
        for t in scheduler.timesteps:
            seen = scheduler.scale_model_input(sample, t)
            sample = scheduler.step(free(seen, t), t, sample).prev_sample
        return (time.perf_counter() - begun) / len(scheduler.timesteps)

    def own(name: str, schedule: diffusion.Schedule) -> float:
        begun = time.perf_counter()
        for step in diffusion.steps(free, noise, schedule=schedule, solver=name, steps=steps):
            last = step  # as theirs, the states on the way are not kept
        return (time.perf_counter() - begun) / last.nfe

    rows = []
    for name, cls, options in pairs:
        ours, others = [], []
        for _ in range(times):
            ours.append(own(name, plain if cls.__name__.startswith(("Euler", "Heun", "LMS")) else scaled))
            others.append(theirs(cls, options))
        rows.append(
            {"solver": name, "scheduler": cls.__name__, "own_us": 1e6 * min(ours), "their_us": 1e6 * min(others)}
        )
    return rows


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {"cells": []}


def write(path: Path, data: dict[str, Any]) -> None:
    """Replace the file in one step: a reader and an interruption find the old one or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(data, allow_nan=False) + "\n")
    part.replace(path)


def best(cell: Cell | None, by: str) -> Cell | None:
    """The line of the least error."""
    lines = [] if cell is None else [line for line in cell["results"] if line[by] is not None]
    return min(lines, key=lambda line: line[by]) if lines else None


def table(cells: Sequence[Cell], target: str) -> str:
    """Markdown: the best of each kind at every number of calls, and what divides them."""
    by = "median" if target == "high" else "rms"
    other = "rms" if by == "median" else "median"
    found = {(c["nfe"], c["kind"]): c for c in cells if c["target"] == target}
    head = ["calls", "best of diffusers", "", "best free", "", "/ diffusers", "distilled", "diffusers /", f"by {other}"]
    lines = [[*head, "CPU-s"], ["---"] * (len(head) + 1)]
    for nfe in NFES:
        theirs, free, own = (best(found.get((nfe, kind)), by) for kind in KINDS)
        line = [str(nfe)]
        for one in (theirs, free):
            line += [f"{one[by]:.3g}", one["name"]] if one else ["", ""]
        line.append(f"{free[by] / theirs[by]:.2f}" if free and theirs else "")
        line.append(f"{own[by]:.3g}" if own else "")
        for key in (by, other):  # by the other measure their best may be another one
            rival = best(found.get((nfe, "diffusers")), key)
            line.append(f"{rival[key] / own[key]:.1f}x" if own and rival else "")
        line.append(f"{own['cpu_seconds']:.1f}" if own else "")
        if any(line[1:]):
            lines.append(line)
    counts = [len(c["results"]) for c in found.values() if c["kind"] == "diffusers"]
    title = f"{target}: {by} error, {max(counts, default=0)} configurations of diffusers"
    return "\n".join([title, "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def overhead_table(rows: Sequence[Cell]) -> str:
    lines = ["| solver | ours, us a call | scheduler | theirs | ours / theirs |", "| --- | --- | --- | --- | --- |"]
    for r in rows:
        ratio = r["own_us"] / r["their_us"]
        lines.append(f"| {r['solver']} | {r['own_us']:.0f} | {r['scheduler']} | {r['their_us']:.0f} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, or print what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", nargs="+", choices=diffusion.TARGETS, default=list(diffusion.TARGETS))
    parser.add_argument("--nfes", nargs="+", type=int, choices=NFES, default=list(NFES))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--noises", type=int, default=1024, help="of 256, one that ends in another basin can decide the RMS"
    )
    parser.add_argument("--out", type=Path, default=Path("samplers.json"))
    parser.add_argument("--table", action="store_true", help="print what --out holds as Markdown and stop")
    options = parser.parse_args()
    data = read(options.out)
    if not options.table:
        if data.get("noises", options.noises) != options.noises:
            parser.error(f"{options.out} was measured with --noises {data['noises']}")
        torch.set_num_threads(1)
        data |= {
            "machine": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "noises": options.noises,
        }
        if "overhead" not in data:
            data["overhead"] = overhead()
            write(options.out, data)
        for target in options.targets:
            measure(data, target, options)
    for target in dict.fromkeys(cell["target"] for cell in data["cells"]):
        print(table(data["cells"], target))
    print(overhead_table(data.get("overhead", [])))


def measure(data: dict[str, Any], target: str, options: argparse.Namespace) -> None:
    """All cells of a target that are missing."""
    done = {(c["nfe"], c["kind"]) for c in data["cells"] if c["target"] == target}
    wanted = [(nfe, kind) for nfe in options.nfes for kind in options.kinds if kind != "distilled" or nfe in DISTILLED]
    missing = [key for key in wanted if key not in done]
    if not missing:
        return
    bench = Bench(target, options.noises)
    for nfe, kind in missing:
        begun = time.perf_counter()
        results = getattr(bench, kind)(nfe)
        data["cells"].append({"target": target, "nfe": nfe, "kind": kind, "results": results})
        write(options.out, data)
        line = best(data["cells"][-1], "median" if target == "high" else "rms")
        if line is not None:
            print(
                f"{target:16} {nfe:3} {kind:10} {len(results):4} rms {line['rms']:.3g} median {line['median']:.3g} "
                f"{line['name']}  ({time.perf_counter() - begun:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
