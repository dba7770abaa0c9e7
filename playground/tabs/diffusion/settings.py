"""What a person has set in the Diffusion tab: checked, and kept in a link."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from playground import diffusion
from playground.diffusion import ROWS, Row
from playground.tabs.checks import between, choice, integer, whole
from playground.tabs.drawings import pack, unpack

__all__ = [
    "DENOISERS",
    "DIAL_STEPS",
    "DIGITS",
    "DRAWING",
    "DRAWN",
    "FEWEST",
    "GUIDANCE",
    "LEARN_STEPS",
    "LEVELS",
    "MAX_STEPS",
    "MODES",
    "MOST",
    "PANELS",
    "PRESETS",
    "RACERS",
    "SIGMAS",
    "SOLVERS",
    "SOURCES",
    "TARGETS",
    "Settings",
    "mixture",
    "preset_of",
    "read_rows",
    "row_key",
    "write_rows",
]

PANELS = ("curve", "compare", "arena", "dial", "heat", "learned", "pictures", "export")
TARGETS = tuple(name for name in diffusion.TARGETS if name != "high")  # what a plane can show
DRAWING = "drawing"  # the target that is drawn on the pad
SOURCES = ("preset", "draw")
DRAWN = diffusion.DRAWN  # the schedule made by hand
LEVELS = (0.002, 0.03, 0.2, 0.7, 2.5, 12, 80)  # its noise levels to begin with
PRESETS: Mapping[str, tuple[Row, ...]] = {
    "family": tuple(ROWS[name] for name in ("ddpm", "ve", "flow", "edm")),
    "table": tuple(ROWS[name] for name in ("vp", "ve", "iddpm", "edm")),
    "pictures": tuple(ROWS[name] for name in ("sd", "sd3", "edm")),
    "circle": tuple(ROWS[name] for name in ("v", "trig")),
}
MODES = diffusion.MODES
SOLVERS = ("ddim", "heun", "dpmpp_2m", "unipc 3", "deis 3", "ipndm 4", "theta_ab 3")
# The three that are left out are others of the list, on the arena's schedule: DDIM twice, and Heun.
RACERS = tuple(name for name in diffusion.FREE_SOLVERS if name not in ("euler", "dpm_1", "edm"))
MOST_SOLVERS, MOST_TEXT = 12, 600
FEWEST, MOST = 2, 4  # rows at once
LEVEL = "~"  # between a drawn schedule's levels in a link
MAX_STEPS, MAX_SEED = 100, 2**31 - 1
SIGMAS = (0.002, 200.0)  # that the numbers can be read at
DIGITS = "0123456789"
GUIDANCE = (0, 10)
DIAL_STEPS = (4, 200)
DENOISERS = ("exact", "network")  # of the dial
LEARN_STEPS = (100, 20_000)


@dataclass(frozen=True)
class Settings:
    """The controls of the tab; raises `ValueError`, in one plain sentence with the limit, for what cannot be."""

    target: str = "eight_gaussians"
    drawing: str = ""  # packed by `drawings.pack`; empty where nothing is drawn
    rows: tuple[Row, ...] = PRESETS["family"]
    steps: int = 18
    seed: int = 0
    mode: str = "first"  # of One curve
    sigma: float = 1.0  # of Compare
    solvers: tuple[str, ...] = SOLVERS  # of the Arena
    grid: str = "karras to 0.002"
    spot: str = "ddim@8"  # the dot whose samples are shown: a solver, or "hand" or "distilled", and its calls
    hand: str = ""  # noise levels as written
    hand_solver: str = "theta_ab 3"
    dial: str = "ddim"  # of Random to deterministic
    strength: float = 0.5
    dial_steps: int = 64
    denoiser: str = DENOISERS[0]
    digits: str = DIGITS  # of Pictures
    picture_row: int = 1
    guidance: float = 1
    learn_row: int = 1  # of Learned
    learn_steps: int = 2000

    def __post_init__(self) -> None:
        choice("target", self.target, (*TARGETS, DRAWING))
        if not FEWEST <= len(self.rows) <= MOST:
            raise ValueError(f"rows must be {FEWEST} to {MOST}, not {len(self.rows)}")
        whole("steps", self.steps, 2, MAX_STEPS)
        whole("seed", self.seed, 0, MAX_SEED)
        choice("mode", self.mode, MODES)
        between("sigma", self.sigma, *SIGMAS)
        if not 1 <= len(self.solvers) <= MOST_SOLVERS:
            raise ValueError(f"solvers in the arena must be 1 to {MOST_SOLVERS}, not {len(self.solvers)}")
        for name in self.solvers:
            choice("solver", name, RACERS)
        choice("grid", self.grid, diffusion.FREE_GRIDS)
        if not re.fullmatch(r"[\w ]{1,40}@\d{1,4}", self.spot, re.ASCII):
            raise ValueError(f"a dot is a solver@calls, not {self.spot[:40]!r}")
        if len(self.hand) > MOST_TEXT:
            raise ValueError(f"noise levels by hand take at most {MOST_TEXT} characters, not {len(self.hand)}")
        if not re.fullmatch(r"[0-9eE.,;+ -]*", self.hand):  # it stands in the Python panel
            raise ValueError(f"noise levels by hand are numbers between commas, not {self.hand[:40]!r}")
        choice("solver", self.hand_solver, diffusion.FREE_SOLVERS)
        choice("dial", self.dial, diffusion.DIALS)
        between("strength", self.strength, 0, 1)
        whole("steps", self.dial_steps, *DIAL_STEPS)
        choice("denoiser", self.denoiser, DENOISERS)
        if not re.fullmatch(r"0?1?2?3?4?5?6?7?8?9?", self.digits, re.ASCII):
            raise ValueError(f"digits to draw are some of {DIGITS}, in this order, not {self.digits[:40]!r}")
        whole("row to draw", self.picture_row, 1, MOST)  # one that is not there is refused by its panel alone
        between("guidance", self.guidance, *GUIDANCE)
        whole("row to train", self.learn_row, 1, MOST)
        whole("training steps", self.learn_steps, *LEARN_STEPS)

    def row(self, number: int, purpose: str) -> Row:
        """The row of that number, from 1 on. Raises `ValueError` where it is not there to `purpose`."""
        if number > len(self.rows):
            raise ValueError(f"row {number} is not there to {purpose}: choose one of the first {len(self.rows)}")
        return self.rows[number - 1]

    @property
    def complete(self) -> bool:
        """Whether there is a target: one that is drawn may have no ink yet."""
        return self.target != DRAWING or bool(self.drawing)

    @property
    def distribution(self) -> tuple[str, str]:
        """The target for `mixture`: its name and what is drawn."""
        return self.target, self.drawing if self.target == DRAWING else ""

    def query(self, panel: str = PANELS[0]) -> str:
        """The link's query string: only what differs from the usual, so that links stay short."""
        usual, pairs = Settings(), {"tab": "diffusion", "target": self.target}
        if panel != PANELS[0]:
            pairs["panel"] = panel
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "drawing" and self.target != DRAWING:  # left on the pad, and no part of what is seen
                continue
            if field.name != "target" and value != getattr(usual, field.name):
                pairs[field.name] = WRITE.get(field.name, str)(value)
        return urlencode(pairs)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "tuple[Settings, list[tuple[str, str]]]":
        """The settings of a link, and what of it was not possible as (name, value): those keep their usual value."""
        settings, wrong = cls(), []
        for name, read in READ.items():
            if name in query:
                try:
                    changed: dict[str, Any] = {name: read(query[name])}
                    settings = replace(settings, **changed)
                except ValueError:
                    wrong.append((name, query[name][:40]))
        return settings if settings.complete else replace(settings, target=cls.target), wrong


@lru_cache(maxsize=8)
def mixture(target: str, drawing: str) -> diffusion.MixtureDenoiser:
    """The target of `Settings.distribution`. Raises `ValueError` where nothing is drawn."""
    return diffusion.mixture_from_drawing(unpack(drawing)) if target == DRAWING else diffusion.target(target)


def row_key(row: Row) -> str:
    """A row in a link: its name, or its three parts."""
    parts = (LEVEL.join([row.schedule, *map(repr, row.levels)]), row.preconditioning, row.solver)
    return next((name for name, known in ROWS.items() if known == row), ".".join(parts))


def write_rows(rows: tuple[Row, ...]) -> str:
    """Rows for a link."""
    return " ".join(map(row_key, rows))


def read_rows(text: str) -> tuple[Row, ...]:
    """The rows that `write_rows` wrote. Raises `ValueError`."""
    rows = []
    for key in text.split():
        parts = key.rsplit(".", 2)
        if key not in ROWS and len(parts) != 3:
            raise ValueError(f"a row is one of {', '.join(ROWS)}, or schedule.preconditioning.solver, not {key[:40]!r}")
        if key in ROWS:
            rows.append(ROWS[key])
        else:
            schedule, *levels = parts[0].split(LEVEL)
            rows.append(Row(schedule, parts[1], parts[2], tuple(map(float, levels))))
    return tuple(rows)


def preset_of(rows: tuple[Row, ...]) -> str | None:
    """The preset that these rows are, if any."""
    return next((name for name, preset in PRESETS.items() if preset == rows), None)


WRITE: Mapping[str, Callable[[Any], str]] = {
    "rows": write_rows,
    "sigma": "{:g}".format,
    "solvers": ",".join,
    "strength": "{:g}".format,
    "guidance": "{:g}".format,
}
READ: Mapping[str, Callable[[str], Any]] = {
    "drawing": lambda text: pack(unpack(text)),  # rewritten: what else it may hold never reaches the Python panel
    "target": str,
    "rows": read_rows,
    "steps": integer,
    "seed": integer,
    "mode": str,
    "sigma": float,
    "solvers": lambda text: tuple(text.split(",")),
    "grid": str,
    "spot": str,
    "hand": str,
    "hand_solver": str,
    "dial": str,
    "strength": float,
    "dial_steps": integer,
    "denoiser": str,
    "digits": str,
    "picture_row": integer,
    "guidance": float,
    "learn_row": integer,
    "learn_steps": integer,
}
