"""The Python panel of the Flows tab: settings, and a run made with them, as a program that makes the same pictures."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from playground import flows
from playground.tabs import drawings
from playground.tabs.flows.frames import COARSE, side_of
from playground.tabs.flows.settings import Settings

__all__ = ["race_program", "train_program"]

# What each panel's program imports, and how it ends.
ENDS = {
    "train": (
        "from playground.figures.flows import densities",
        (
            'panels = {{"density": flows.log_prob_grid(density), "learned": flows.log_prob_grid(flow, n={side})}}',
            "samples = flow.sample(1500, flows.generator({seed})).numpy()",
            'densities(panels, extent=flows.EXTENT, samples=samples).write_html("picture.html")',
        ),
    ),
    "folded": (  # no inverse, so no samples
        "from playground.figures.flows import densities",
        (
            'panels = {{"density": flows.log_prob_grid(density), "learned": flows.log_prob_grid(flow)}}',
            'densities(panels, extent=flows.EXTENT).write_html("picture.html")',
        ),
    ),
    "layers": (
        "from playground.figures.flows import layers",
        ('layers(flows.film(flow, density), extent=flows.EXTENT).write_html("picture.html")',),
    ),
    "microscope": (
        "from playground.figures.flows import log_dets",
        (
            "report = flows.inspect(flow, density.sample(128, flows.generator(0)))",
            "for layer in report.layers:",
            '    print(f"{{layer.index}} {{layer.name}}: {{layer.error:.1e}}, round trip {{layer.round_trip:.1e}}")',
            'print(f"integral of the density over [-8, 8]^2: {{flows.mass(flow{cells}):.4f}}")',
            'log_dets(report.layers).write_html("picture.html")',
        ),
    ),
    "paths": (
        "from playground.figures.flows_paths import hurried, paths",
        (
            "rounds = [flows.measure_round(flow, density, seed={seed})]",
            "{reflow}",
            "for one in rounds:",
            "    seen = one.journey",
            '    print(f"round {{one.number}}: S {{seen.straightness:.4f}}, {{seen.crossing_pairs}} crossings")',
            '    print("W2 by calls", {{calls: round(distance, 3) for calls, distance in seen.distances.items()}})',
            "{few}",
            "",
            "log_p = flows.log_prob_grid(density)",
            'paths(rounds[{round}].journey, log_p, extent=flows.EXTENT).write_html("picture.html")',
            'hurried(few, log_p, extent=flows.EXTENT).write_html("samples.html")',
        ),
    ),
}
Pace = Sequence[int]  # `flows.Lane.pace`


def train_program(
    settings: Settings,
    *,
    steps: int | None = None,
    pace: Pace = (),
    threads: int | None = None,
    panel: str = "train",
    rounds: Sequence[Pace] = (),
    few: tuple[int, int, str] | None = (0, 4, "euler"),
    distil: int = 0,
) -> str:
    """The program of a panel ("train", "layers", "microscope" or "paths").

    For "paths" with the paces of the `rounds` of reflow, samples by `few` (a round, calls, a solver) or by the map that
    was distilled in so many steps.

    The steps or the pace of a run make its weights again, to the bit on as many threads of the same machine; without
    either it trains for the seconds that are set.
    """
    if panel == "paths" and settings.flow not in flows.MATCHING:  # there is nothing to be seen
        panel = "train"
    options = "".join(f", {name}={value!r}" for name, value in settings.options.items())
    budget = "pace=pace" if pace else f"seconds={settings.seconds:g}" if steps is None else f"steps={steps}"
    imports, make = _density(settings)
    words = {
        "seed": settings.seed,
        "side": side_of(settings),
        "cells": f", n={COARSE}" if settings.flow in flows.MATCHING else "",
        "round": len(rounds) if few is None else few[0],
        "reflow": _reflow(settings, rounds),
        "few": _few(settings, few, distil),
    }
    picture, last = ENDS["folded" if panel == "train" and "constrained" in settings.options else panel]
    return _join(
        *_imports(imports, threads, picture),
        *make,
        f'flow = flows.build("{settings.flow}"{options}, seed={settings.seed})',
        *(["pace = [  # steps by the end of each stage of the run", *_numbers(pace, 4), "]"] if pace else []),
        f"for step in flows.fit(flow, density, {budget}, seed={settings.seed}):",
        "    if step.kl is not None:",
        '        print(f"step {step.step}: {step.nll:.3f} nats, KL {step.kl:.4f}")',
        "",
        *(line.format(**words) for line in last),
    )


def _few(settings: Settings, few: tuple[int, int, str] | None, distil: int) -> str:
    """The lines that sample by few calls, or train the map of one."""
    lines = [
        "one = flows.OneStep(rounds[-1].flow)",
        f"for step in flows.distil(one, rounds[-1].flow, steps={distil}, seed={settings.seed}):",
        "    pass",
    ] if distil else []  # fmt: skip
    if few is None:
        lines.append(f"few = flows.hurry(one, density, seed={settings.seed})")
    else:
        chosen, calls, solver = few
        options = f'calls={calls}, solver="{solver}", seed={settings.seed}'
        lines.append(f"few = flows.hurry(rounds[{chosen}].flow, density, {options})")
    said = 'print(f"{few.calls} calls: W2 {few.distance:.3f}; between two samples of the data {few.floor:.3f}")'
    return "\n".join([*lines, said])


def _reflow(settings: Settings, rounds: Sequence[Pace]) -> str:
    """The lines that make the rounds: by their paces, or none yet, for the seconds that are set."""
    train = f"    *_, last = flows.next_round(rounds[-1], density, {{}}, seed={settings.seed})"
    keep = "    rounds.append(last.round)"
    if not rounds:
        first = "for _ in range(0):  # rounds of reflow"
        return "\n".join([first, train.format(f"seconds={settings.seconds:g}"), keep])
    lines = [line for pace in rounds for line in ("    [", *_numbers(pace, 8), "    ],")]
    paces = ["paces = [  # steps by the end of each stage of each round", *lines, "]"]
    return "\n".join([*paces, "for pace in paces:", train.format("pace=pace"), keep])


def race_program(
    settings: Settings, names: Sequence[str], *, paces: Mapping[str, Pace] | None = None, threads: int | None = None
) -> str:
    """The race again, each flow by itself: by its pace in the race, or for the seconds that are set."""
    imports, make = _density(settings)
    budget, racers = f"seconds={settings.seconds:g}", [f"racers = {list(names)!r}"]
    if paces is not None:
        lines = [line for name in names for line in (f'    "{name}": [', *_numbers(paces[name], 8), "    ],")]
        budget, racers = "pace=racers[name]", ["racers = {  # steps by the end of each stage of the race", *lines, "}"]
    return _join(
        *_imports(imports, threads, "from playground.figures.flows import densities"),
        *make,
        *racers,
        'panels = {"density": flows.log_prob_grid(density)}',
        "for name in racers:",
        f"    flow = flows.build(name, seed={settings.seed})",
        f"    for step in flows.fit(flow, density, {budget}, seed={settings.seed}):",
        "        pass",
        '    print(f"{name}: {step.step} steps, {step.nll:.3f} nats, KL {step.kl:.4f}")',
        "    panels[name] = flows.log_prob_grid(flow)",
        "",
        'densities(panels, extent=flows.EXTENT).write_html("picture.html")',
    )


def _imports(density: list[str], threads: int | None, figures: str) -> list[str]:
    """The program's first lines."""
    first = [line for line in density if not line.startswith("import numpy")]
    third = [line for line in density if line.startswith("import numpy")]
    third += ["import torch"] if threads else []
    set_threads = f"torch.set_num_threads({threads})  # as in the app: another number rounds sums differently"
    return [
        *first,
        *([""] if first else []),
        *third,
        *([""] if third else []),
        "from playground import flows",
        figures,
        "",
        *([set_threads] if threads else []),
    ]


def _density(settings: Settings) -> tuple[list[str], list[str]]:
    """The imports and the lines that make the density."""
    if settings.source == "preset":
        return [], [f'density = flows.density("{settings.density}")']
    if settings.source == "draw":
        return drawings.IMPORTS, [*drawings.lines(settings.drawing), "density = flows.density_from_drawing(drawing)"]
    file = f"Path({Path(settings.upload).name!r})"
    make = (
        f"image(flows.read_image({file}))"
        if settings.key == "picture"
        else f"points(flows.read_points({file}.read_bytes()))"
    )
    return ["from pathlib import Path"], [f"density = flows.density_from_{make}"]


def _numbers(values: Pace, indent: int) -> list[str]:
    """The lines of a long list of numbers."""
    space = " " * indent
    return textwrap.wrap(", ".join(map(str, values)) + ",", 100, initial_indent=space, subsequent_indent=space)


def _join(*lines: str) -> str:
    return "\n".join(lines) + "\n"
