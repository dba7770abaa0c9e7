"""What a person has set in the Flows tab: checked, and kept in a link."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playground import flows
from playground.tabs.checks import between, choice, integer, whole
from playground.tabs.drawings import pack, unpack

__all__ = [
    "BEGINS", "CALLS", "MAX_LAYERS", "MAX_SECONDS", "PICTURES", "SOLVERS", "SOURCES", "UPLOAD_BYTES", "Settings",
]  # fmt: skip

SOURCES = ("preset", "draw", "upload")
NORMAL = "normal"
BEGINS = (NORMAL, *flows.DENSITIES)  # where a flow by matching may begin
SOLVERS = ("euler", "midpoint", "heun", "rk4")  # of few calls
CALLS = (1, 100)
MAX_LAYERS, MAX_SECONDS, MAX_SEED = 16, 60, 2**31 - 1
UPLOAD_BYTES = {"csv": 5_000_000, "picture": 20_000_000}
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


@dataclass(frozen=True)
class Settings:
    """The controls of the tab; raises `ValueError`, in one plain sentence with the limit, for what cannot be."""

    source: str = "preset"
    density: str = "moons"
    flow: str = "spline"
    layers: int = 4
    seconds: float = 10
    seed: int = 0
    constrained: bool = True
    begin: str = NORMAL  # of a flow by matching
    drawing: str = ""  # packed by `pack`; empty where nothing is drawn
    upload: str = ""  # path of the uploaded file

    def __post_init__(self) -> None:
        choice("source", self.source, SOURCES)
        choice("density", self.density, flows.DENSITIES)
        choice("flow", self.flow, flows.FLOWS)
        choice("begin", self.begin, BEGINS)
        whole("layers", self.layers, 1, MAX_LAYERS)
        whole("seed", self.seed, 0, MAX_SEED)
        between("seconds", self.seconds, 1, MAX_SECONDS)

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of `flows.build`."""
        options: dict[str, Any] = {"layers": self.layers}
        if self.flow == "planar" and not self.constrained:
            options["constrained"] = False
        if self.flow in flows.MATCHING and self.begin != NORMAL:
            options["source"] = self.begin
        return options

    @property
    def key(self) -> str:
        """What the density is called in texts: its name, or "drawing", "picture", "points"."""
        if self.source == "preset":
            return self.density
        if self.source == "draw":
            return "drawing"
        return "picture" if self.upload.lower().endswith(PICTURES) else "points"

    def make_density(self) -> flows.Density:
        """The density that is chosen, drawn or uploaded. Raises `ValueError` as the library does."""
        if self.source == "preset":
            return flows.density(self.density)
        if self.source == "draw":
            return flows.density_from_drawing(unpack(self.drawing))
        if self.key == "picture":
            return flows.density_from_image(flows.read_image(Path(self.upload)))
        return flows.density_from_points(flows.read_points(Path(self.upload).read_bytes()))

    def query(self) -> str:
        """The link's query string: only what differs from the usual, so that links stay short."""
        usual, pairs = (
            Settings(layers=flows.LAYERS[self.flow]),
            {"tab": "flows", "density": self.density, "flow": self.flow},
        )
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "drawing" and self.source != "draw":  # left on the pad, and no part of what is seen
                continue
            if field.name == "begin" and self.flow not in flows.MATCHING:
                continue
            if field.name not in ("density", "flow", "upload") and value != getattr(usual, field.name):
                pairs[field.name] = (
                    f"{value:g}"
                    if field.name == "seconds"
                    else str(int(value) if field.name == "constrained" else value)
                )
        return urlencode(pairs)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "tuple[Settings, list[tuple[str, str]]]":
        """The settings of a link, and what of it was not possible as (name, value): those keep their usual value."""
        settings, wrong = cls(), []
        for name, read in (
            ("density", str),
            ("flow", str),
            ("layers", integer),
            ("seconds", float),
            ("seed", integer),
            ("constrained", _switch),
            ("begin", str),
            ("drawing", str),
            ("source", str),
        ):
            if name not in query:
                if name == "flow":
                    settings = replace(settings, layers=flows.LAYERS[settings.flow])
                continue
            try:
                changed: dict[str, Any] = {name: read(query[name])}
                settings = replace(settings, **changed)
                if name == "drawing":  # rewritten: what else the text may hold never reaches the Python panel
                    settings = replace(settings, drawing=pack(unpack(settings.drawing)))
                if name == "flow":
                    settings = replace(settings, layers=flows.LAYERS[settings.flow])
            except ValueError:
                wrong.append((name, query[name][:40]))
                if name == "drawing":
                    settings = replace(settings, drawing="")
        if settings.source == "draw" and not settings.drawing:
            settings = replace(settings, source="preset")
        return settings, wrong


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"must be 0 or 1, not {text!r}")
    return text == "1"
