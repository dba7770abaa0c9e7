"""Are our losses without labels lightly's, do they learn digits as well in as much time, and do they reach our floors?

Three parts. Equal: loss values on random embeddings in float64, to 1e-6; where conventions differ, the line says how.
Peers: our `pretrain` against the same loop around lightly's losses (representation_peers.py), the same first weights,
views and number of steps, step by step in turn; a linear probe at 1, 2, 5 and 10 labels a class, on the same ten draws
for all. Floors: NT-Xent and Deep InfoMax in 20 CPU-seconds, against what the app promises. Three seeds of pre-training
everywhere; one thread. Every cell is written as it is measured, and a second call goes on where the first stopped.

    uv run --group bench benchmarks/representations.py --out representations.json
    uv run --group bench benchmarks/representations.py --out representations.json --table

Floors: NT-Xent at most 20 CPU-s, probe >= .75 / .87 / .91 / .94 at 1 / 2 / 5 / 10 labels a class, and >= 8 points above
learning from scratch at 1 and 2 on the same draws; two-view Deep InfoMax >= .75 at one label; one-view Deep InfoMax
below an encoder that learned nothing.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from lightly.loss import NegativeCosineSimilarity, NTXentLoss, VICRegLoss
from representation_peers import PEERS, train
from torch import Tensor, nn

from playground.representations.digits import augment, digits
from playground.representations.efficiency import Labelled, interval, label_efficiency
from playground.representations.encoder import Encoder, build_encoder, settle
from playground.representations.moco import MoCo
from playground.representations.nt_xent import nt_xent
from playground.representations.pretraining import Recipe, pretrain
from playground.representations.without_negatives import byol_loss, vicreg_loss

COUNTS, DRAWS = (1, 2, 5, 10), 10
STEPS, SECONDS = 300, 20.0  # of a peer's run; of the CPU for a floor
TOLERANCE = 1e-6
NT_XENT, ABOVE_SCRATCH, TWO_VIEWS = (0.75, 0.87, 0.91, 0.94), 0.08, 0.75  # the floors
Cell = dict[str, Any]


def equalities() -> Iterator[Cell]:
    """Our value, lightly's, and how one is read as the other."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(64, 32, generator=generator, dtype=torch.float64) for _ in range(2))
    torch.manual_seed(0)
    queue = MoCo(nn.Identity(), 32, size=128, temperature=0.2).double()
    bank = NTXentLoss(temperature=0.2, memory_bank_size=(128, 32))
    bank.memory_bank.bank, bank.memory_bank.bank_ptr = queue.queue.clone(), torch.zeros(1, dtype=torch.long)
    pairs: list[tuple[str, str, Tensor, Tensor]] = [
        *(
            (f"NT-Xent, temperature {t:g}", "the same", nt_xent(a, b, temperature=t), NTXentLoss(temperature=t)(a, b))
            for t in (0.1, 0.2, 0.5)
        ),
        ("VICReg", "lightly halves the variance term: its weight 50 is our 25 (the paper's)",
         vicreg_loss(a, b), VICRegLoss(mu_param=50.0)(a, b)),
        ("BYOL", "2 + 2 x NegativeCosineSimilarity", byol_loss(a, b), 2 + 2 * NegativeCosineSimilarity()(a, b)),
        ("MoCo", "NTXentLoss with a memory bank, the same queue", queue(a, b), bank(a, b)),
    ]  # fmt: skip
    for name, reading, ours, theirs in pairs:
        yield {"loss": name, "reading": reading, "ours": ours.item(), "lightly": theirs.item(),
               "equal": bool(abs(ours - theirs) <= TOLERANCE)}  # fmt: skip


def probes(encoder: Encoder, way: str = "probe") -> dict[str, list[float]]:
    """Accuracies by the number of labels a class, one a draw."""
    scores = label_efficiency(
        {"it": encoder}, Labelled(*digits()), view=augment, ways=(way,), counts=COUNTS, draws=DRAWS
    )
    return {str(score.per_class): list(score.accuracies) for score in scores}


def peers(method: str, seed: int) -> Iterator[Cell]:
    """Ours and lightly's, a step each in turn."""
    x = digits()[0]
    encoders = {name: build_encoder(seed=seed) for name in ("ours", "lightly")}
    runs = {
        "ours": pretrain(encoders["ours"], x, Recipe(method), view=augment, steps=STEPS, seed=seed),
        "lightly": train(method, encoders["lightly"], x, view=augment, steps=STEPS, seed=seed),
    }
    spent = dict.fromkeys(runs, 0.0)
    waiting = list(runs)
    while waiting:
        for name in list(waiting):
            begun = time.process_time()
            if next(runs[name], None) is None:
                waiting.remove(name)
            spent[name] += time.process_time() - begun
    for name, encoder in encoders.items():
        yield {"part": "peers", "method": method, "by": name, "seed": seed, "seconds": spent[name],
               "probe": probes(encoder)}  # fmt: skip


def floors(seed: int) -> Iterator[Cell]:
    """What the floors speak of, and what they are compared with."""
    x = digits()[0]
    for method in ("nt_xent", "dim", "dim_one_view"):
        encoder, steps, begun = build_encoder(seed=seed), 0, time.process_time()
        for _ in pretrain(
            encoder, x, Recipe(method), view=augment, seconds=SECONDS, seed=seed, clock=time.process_time
        ):
            steps += 1
        spent = time.process_time() - begun
        yield {"part": "floors", "method": method, "seed": seed, "steps": steps, "seconds": spent,
               "probe": probes(encoder)}  # fmt: skip
    random = build_encoder(seed=seed)
    settle(random, x)
    yield {"part": "floors", "method": "random", "seed": seed, "probe": probes(random)}
    begun = time.process_time()
    found = probes(random, "fine_tune")
    each = (time.process_time() - begun) / (DRAWS * len(COUNTS))
    yield {"part": "floors", "method": "scratch", "seed": seed, "seconds": each, "probe": found}


def verdicts(cells: Sequence[Cell]) -> Iterator[Cell]:
    """Each floor with what was found, a mean over seeds and draws; the worst seed's mean beside it."""
    by: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell["part"] == "floors":
            by.setdefault(cell["method"], []).append(cell)

    def means(method: str, count: int) -> list[float]:
        return [statistics.fmean(cell["probe"][str(count)]) for cell in by[method]]

    def verdict(what: str, found: Sequence[float], floor: float) -> Cell:
        return {"floor": what, "found": statistics.fmean(found), "worst_seed": min(found), "at_least": floor,
                "met": statistics.fmean(found) >= floor}  # fmt: skip

    for count, floor in zip(COUNTS, NT_XENT, strict=True):
        yield verdict(f"NT-Xent, {count} labels a class", means("nt_xent", count), floor)
    for count in (1, 2):
        gains = [a - b for a, b in zip(means("nt_xent", count), means("scratch", count), strict=True)]
        yield verdict(f"NT-Xent above scratch, {count} labels a class", gains, ABOVE_SCRATCH)
    yield verdict("two-view Deep InfoMax, 1 label a class", means("dim", 1), TWO_VIEWS)
    for count in COUNTS:
        below = [b - a for a, b in zip(means("dim_one_view", count), means("random", count), strict=True)]
        yield verdict(f"a random encoder above one-view Deep InfoMax, {count} labels a class", below, 0.0)


def table(result: dict[str, Any]) -> str:
    """Markdown: equal values, probes of ours and of lightly's, floors."""
    lines = ["| loss | ours | lightly | equal to 1e-6 | how lightly's is read |", "|---|---|---|---|---|"]
    lines += [
        f"| {e['loss']} | {e['ours']:.8f} | {e['lightly']:.8f} | {e['equal']} | {e['reading']} |"
        for e in result["equal"]
    ]
    heads = [f"{count} labels" for count in COUNTS]
    lines += ["", f"| method, probe | by | seeds | {' | '.join(heads)} | CPU-s |", "|---" * (len(COUNTS) + 4) + "|"]
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in result["cells"]:
        groups.setdefault((cell["method"], cell.get("by", "floor")), []).append(cell)
    for (method, by), cells in sorted(groups.items(), key=lambda item: item[0][1] == "floor"):
        # Every seed's probe is on the same draws: first the mean over seeds of each draw, then its interval over draws.
        columns = []
        for count in COUNTS:
            draws = [statistics.fmean(d) for d in zip(*(cell["probe"][str(count)] for cell in cells), strict=True)]
            columns.append(f"{statistics.fmean(draws):.3f} ± {interval(draws):.3f}")
        spent = [cell["seconds"] for cell in cells if "seconds" in cell]
        seconds = f"{statistics.fmean(spent):.1f}" if spent else ""
        lines.append(f"| {method} | {by} | {len(cells)} | {' | '.join(columns)} | {seconds} |")
    lines += ["", "| ours less lightly's, same draws | " + " | ".join(heads) + " | CPU time |", "|---" * 6 + "|"]
    for method in dict.fromkeys(cell["method"] for cell in result["cells"] if cell["part"] == "peers"):
        ours, theirs = groups[method, "ours"], groups[method, "lightly"]
        columns = []
        for count in COUNTS:
            gaps = [
                statistics.fmean(a["probe"][str(count)]) - statistics.fmean(b["probe"][str(count)])
                for a, b in zip(ours, theirs, strict=False)
            ]
            columns.append(f"{statistics.fmean(gaps):+.3f} ({min(gaps):+.3f} to {max(gaps):+.3f})")
        ratio = sum(c["seconds"] for c in ours) / sum(c["seconds"] for c in theirs)
        lines.append(f"| {method} | {' | '.join(columns)} | x {ratio:.2f} |")
    if result.get("floors"):
        lines += ["", "| floor | found | worst seed | at least | met |", "|---|---|---|---|---|"]
        for v in result["floors"]:
            lines.append(
                f"| {v['floor']} | {v['found']:.3f} | {v['worst_seed']:.3f} | {v['at_least']:.2f} | {v['met']} |"
            )
    return "\n".join(lines)


def write(path: Path, result: dict[str, Any]) -> None:
    """Replace the file in one step: a reader and an interruption find the old one or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    part.replace(path)


def main() -> None:
    """Measure what is missing, or print what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("representations.json"))
    parser.add_argument("--table", action="store_true", help="print what --out holds as Markdown and stop")
    options = parser.parse_args()
    result: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {"cells": []}
    if not options.table:
        torch.set_num_threads(1)
        torch.optim.Adam([torch.zeros(1)])  # the first optimiser imports for seconds: in nobody's time
        result |= {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(),
                   "torch": torch.__version__, "equal": list(equalities())}  # fmt: skip
        done = {(c["part"], c["method"], c["seed"]) for c in result["cells"]}
        for seed in options.seeds:
            jobs = [peers(m, seed) for m in options.methods if ("peers", m, seed) not in done]
            if ("floors", "scratch", seed) not in done:
                result["cells"] = [c for c in result["cells"] if (c["part"], c["seed"]) != ("floors", seed)]
                jobs.append(floors(seed))
            for job in jobs:
                for cell in job:
                    result["cells"].append(cell)
                    write(options.out, result)
                    found = " ".join(f"{statistics.fmean(cell['probe'][str(count)]):.3f}" for count in COUNTS)
                    spent = f"{cell['seconds']:.1f} CPU-s" if "seconds" in cell else ""
                    print(f"{cell['part']:7} {cell['method']:13} {cell.get('by', ''):8} seed {seed}  {found}  {spent}",
                          flush=True)  # fmt: skip
        result["floors"] = list(verdicts(result["cells"]))
        write(options.out, result)
    print(table(result))


if __name__ == "__main__":
    main()
