"""Diffusion, score matching and flow matching as one family; every public name of the library."""

from playground.diffusion.compare import ROWS, Profile, Row, log_prob_picture, marginal, profile, row_numbers
from playground.diffusion.denoiser import DataDenoiser, Denoiser, GuidedDenoiser
from playground.diffusion.exact import exact_ode, log_likelihood
from playground.diffusion.grids import GRIDS
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.noise import NoiseDistribution
from playground.diffusion.one_curve import MODES, Bundle, Path, push
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
    "MODES",
    "PRECONDITIONINGS",
    "ROWS",
    "SCHEDULES",
    "SOLVERS",
    "TARGETS",
    "Bundle",
    "DataDenoiser",
    "Denoiser",
    "GuidedDenoiser",
    "MixtureDenoiser",
    "NoiseDistribution",
    "Path",
    "Preconditioning",
    "Prediction",
    "Profile",
    "Row",
    "Schedule",
    "Solver",
    "Step",
    "Trajectory",
    "drawn",
    "exact_ode",
    "log_likelihood",
    "log_prob_picture",
    "marginal",
    "mixture_from_density",
    "preconditioning",
    "profile",
    "push",
    "row_numbers",
    "sample",
    "schedule",
    "solver",
    "steps",
    "target",
]
