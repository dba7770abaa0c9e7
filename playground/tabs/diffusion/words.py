"""What the Diffusion tab calls its rows, and their formulas in LaTeX (Table 1 of Karras et al. 2022, and its like)."""

from collections.abc import Mapping, Sequence

from playground.diffusion import ROWS, Row
from playground.i18n import TEXTS, label, say

__all__ = [
    "C_IN",
    "C_NOISE",
    "C_OUT",
    "C_SKIP",
    "SCALE",
    "SIGMA",
    "STEPS",
    "WEIGHT",
    "figure_words",
    "grid_name",
    "row_name",
    "row_names",
    "solver_label",
    "solver_name",
]

DISCRETE = r"\sqrt{1/\bar\alpha_i-1},\;\;"
VP_SCALE, VP_IN = r"\frac{1}{\sqrt{1+\sigma^2}}", r"\frac{1}{\sqrt{\sigma^2+1}}"
TRAILING = r"t_i=\tfrac{1}{1000}\,\big\lfloor 1000\,(1-\tfrac iN)\big\rceil"
# By schedule: sigma(t), s, and the times or levels of steps i < N.
SIGMA: Mapping[str, str] = {
    "drawn": r"e^{\ell(t)}",
    "ddpm": DISCRETE + r"\beta_i=10^{-4}+\tfrac{i}{999}\,(0.02-10^{-4})",
    "cosine": r"\sqrt{1/\bar\alpha-1},\;\;\bar\alpha\propto\cos^2\!\big(\tfrac{t+.008}{1.008}\,\tfrac{\pi}{2}\big)",
    "sigmoid": DISCRETE + r"\beta_i=10^{-4}+\tfrac{0.02-10^{-4}}{1+e^{6-12i/999}}",
    "scaled_linear": DISCRETE + r"\beta_i=\big(\sqrt{.00085}+\tfrac{i}{999}(\sqrt{.012}-\sqrt{.00085})\big)^2",
    "vp": r"\sqrt{e^{\frac12\beta_d t^2+\beta_{\min}t}-1}",
    "ve": r"\sqrt{t}",
    "iddpm": "t",
    "edm": "t",
    "flow": r"\frac{t}{1-t}",
    "sd3": r"\frac{3\,t}{1-t}",
    "trig": r"\tan t",
}
SCALE: Mapping[str, str] = {
    **dict.fromkeys(("ddpm", "cosine", "sigmoid", "scaled_linear"), rf"\sqrt{{\bar\alpha}}={VP_SCALE}"),
    "vp": VP_SCALE,
    **dict.fromkeys(("ve", "iddpm", "edm", "drawn"), "1"),
    "flow": r"1-t=\frac{1}{1+\sigma}",
    "sd3": r"\frac{1}{1+\sigma}",
    "trig": rf"\cos t={VP_SCALE}",
}
STEPS: Mapping[str, str] = {
    "drawn": r"t_i=1-\tfrac{i}{N-1}",
    **dict.fromkeys(("ddpm", "sigmoid", "scaled_linear"), TRAILING),
    **dict.fromkeys(("cosine", "flow", "sd3"), r"t_i=1-\tfrac iN"),
    "vp": r"t_i=1+\tfrac{i}{N-1}(\epsilon_s-1)",
    "ve": r"\sigma_i=\sigma_{\max}\big(\tfrac{\sigma_{\min}}{\sigma_{\max}}\big)^{i/(N-1)}",
    "iddpm": r"\sigma_i=u_{\lfloor j_0+\frac{M-1-j_0}{N-1}i+\frac12\rfloor}",
    "edm": r"\sigma_i=\Big(\sigma_{\max}^{1/\rho}"
    r"+\tfrac{i}{N-1}\big(\sigma_{\min}^{1/\rho}-\sigma_{\max}^{1/\rho}\big)\Big)^{\!\rho}",
    "trig": r"t_i=t_{\max}+\tfrac{i}{N-1}(t_{\min}-t_{\max})",
}
# By preconditioning: D = c_skip x + c_out F(c_in x; c_noise), and the weight on |D - x_0|^2.
C_SKIP: Mapping[str, str] = {
    **dict.fromkeys(("vp", "ve", "iddpm", "eps"), "1"),
    "edm": r"\frac{\sigma_d^2}{\sigma^2+\sigma_d^2}",
    "flow": r"\frac{1}{1+\sigma}",
    "v": r"\frac{1}{1+\sigma^2}",
}
C_OUT: Mapping[str, str] = {
    **dict.fromkeys(("vp", "iddpm", "eps"), r"-\sigma"),
    "ve": r"\sigma",
    "edm": r"\frac{\sigma\,\sigma_d}{\sqrt{\sigma^2+\sigma_d^2}}",
    "flow": r"-\frac{\sigma}{1+\sigma}",
    "v": r"-\frac{\sigma}{\sqrt{1+\sigma^2}}",
}
C_IN: Mapping[str, str] = {
    **dict.fromkeys(("vp", "iddpm", "eps", "v"), VP_IN),
    "ve": "1",
    "edm": r"\frac{1}{\sqrt{\sigma^2+\sigma_d^2}}",
    "flow": r"\frac{1}{1+\sigma}",
}
C_NOISE: Mapping[str, str] = {
    "vp": r"(M-1)\,t",
    "ve": r"\ln\tfrac\sigma2",
    "iddpm": r"M-1-\arg\min_j\lvert u_j-\sigma\rvert",
    "edm": r"\tfrac14\ln\sigma",
    "flow": r"\frac{\sigma}{1+\sigma}",
    **dict.fromkeys(("v", "eps"), r"1000\,t-1"),
}
WEIGHT: Mapping[str, str] = {
    **dict.fromkeys(("vp", "ve", "iddpm", "eps"), r"\frac{1}{\sigma^2}"),
    "edm": r"\frac{\sigma^2+\sigma_d^2}{(\sigma\,\sigma_d)^2}",
    "flow": r"\frac{(1+\sigma)^2}{\sigma^2}",
    "v": r"\frac{1+\sigma^2}{\sigma^2}",
}


GRIDS: Mapping[str, str] = {
    "karras": "σ^(1/7)",
    "log_uniform": "ln σ",
    "arctan_uniform": "arctan σ",
    "logit_uniform": "σ/(1+σ)",
}


def row_name(row: Row, language: str) -> str:
    """The row's own name, or its three parts."""
    for key, known in ROWS.items():
        if known == row:
            return say(language, f"diffusion.row.{key}")
    parts = (("schedule", row.schedule), ("preconditioning", row.preconditioning), ("solver", row.solver))
    return " · ".join(say(language, f"diffusion.{kind}.{name}") for kind, name in parts)


def row_names(rows: Sequence[Row], language: str) -> list[str]:
    """The names of several rows; a row that is there twice is numbered, for a figure's legend knows names alone."""
    names: list[str] = []
    for row in rows:
        name = row_name(row, language)
        names.append(name if name not in names else f"{name} ({len(names) + 1})")
    return names


def solver_name(name: str, language: str) -> str:
    """A solver of the arena, "unipc 3"."""
    kind, _, order = name.partition(" ")
    return f"{say(language, f'diffusion.solver.{kind}')} {order}".strip()


def solver_label(name: str) -> str:
    """The same for a choice that the browser translates; with an order it is in English, as those names are."""
    return solver_name(name, "en") if " " in name else label(f"diffusion.solver.{name}")


def grid_name(name: str) -> str:
    """A grid of the arena in symbols: what its steps are even in, and the last level before 0."""
    kind, _, end = name.partition(" to ")
    head, _, tail = kind.partition(" ")
    if head == "ramp":
        return f"arctan(σ/{tail}) → 0"
    if tail == "time":
        return f"t ({say('en', f'diffusion.schedule.{head}')}) → {end or 0}"
    return f"{GRIDS[head]} → {end}"


def figure_words(family: str, language: str) -> dict[str, str]:
    """A figure's words: the texts `diffusion.<family>.figure.*`, and those of every film."""
    out: dict[str, str] = {}
    for prefix in ("diffusion.film.", f"diffusion.{family}.figure."):
        out |= {key.removeprefix(prefix): text for key, text in TEXTS[language].items() if key.startswith(prefix)}
    return out
