"""The solvers by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from playground.diffusion.names import make
from playground.diffusion.solvers.adaptive import rk45
from playground.diffusion.solvers.ancestral import ddim, ddpm
from playground.diffusion.solvers.dpm import dpm
from playground.diffusion.solvers.dpmpp import dpmpp_2m, dpmpp_2m_sde, dpmpp_2s, dpmpp_3m, dpmpp_sde
from playground.diffusion.solvers.edm import edm
from playground.diffusion.solvers.multistep import deis, ipndm, lms, theta_ab
from playground.diffusion.solvers.pndm import pndm
from playground.diffusion.solvers.runge_kutta import TABLEAUS, runge_kutta
from playground.diffusion.solvers.solver import Problem, Solver
from playground.diffusion.solvers.unipc import unipc

__all__ = ["SOLVERS", "Problem", "Solver", "solver"]

SOLVERS: dict[str, Callable[..., Solver]] = {
    "ddpm": ddpm,
    "ddim": ddim,
    **{name: partial(runge_kutta, name) for name in TABLEAUS},
    "edm": edm,
    **{f"dpm_{order}": partial(dpm, order) for order in (1, 2, 3)},
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_3m": dpmpp_3m,
    "dpmpp_2s": dpmpp_2s,
    "dpmpp_2m_sde": dpmpp_2m_sde,
    "dpmpp_sde": dpmpp_sde,
    "unipc": unipc,
    "deis": deis,
    "lms": lms,
    "pndm": pndm,
    "ipndm": ipndm,
    "theta_ab": theta_ab,
    "rk45": rk45,
}


def solver(name: str, **options: Any) -> Solver:
    """A solver of `SOLVERS`; the options are its constructor's (`eta=`, `order=`, `S_churn=`, ...).

    Raises `ValueError` for an unknown name and for options out of range.

    >>> solver("heun").calls(18)
    35
    """
    return make("solver", name, SOLVERS, options)
