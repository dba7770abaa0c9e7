"""Diffusion, score matching and flow matching as one family; every public name of the library."""

from playground.diffusion.denoiser import DataDenoiser, Denoiser, GuidedDenoiser
from playground.diffusion.exact import exact_ode, log_likelihood
from playground.diffusion.grids import GRIDS
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.noise import NoiseDistribution
from playground.diffusion.preconditioning import PRECONDITIONINGS, Preconditioning, preconditioning
from playground.diffusion.prediction import KINDS, Prediction
from playground.diffusion.sampling import Step, Trajectory, sample, steps
from playground.diffusion.schedule import Schedule
from playground.diffusion.schedules import SCHEDULES, drawn, schedule
from playground.diffusion.solvers import SOLVERS, Solver, solver
from playground.diffusion.targets import TARGETS, mixture_from_density, target

__all__ = [
    "GRIDS",
    "KINDS",
    "PRECONDITIONINGS",
    "SCHEDULES",
    "SOLVERS",
    "TARGETS",
    "DataDenoiser",
    "Denoiser",
    "GuidedDenoiser",
    "MixtureDenoiser",
    "NoiseDistribution",
    "Preconditioning",
    "Prediction",
    "Schedule",
    "Solver",
    "Step",
    "Trajectory",
    "drawn",
    "exact_ode",
    "log_likelihood",
    "mixture_from_density",
    "preconditioning",
    "sample",
    "schedule",
    "solver",
    "steps",
    "target",
]
