"""Diffusion, score matching and flow matching as one family; every public name of the library."""

from playground.diffusion.arena import FREE_GRIDS, FREE_SOLVERS, Arena, Error, Point
from playground.diffusion.compare import (
    DRAWN,
    ROWS,
    Draw,
    Profile,
    Row,
    draw,
    log_prob_picture,
    marginal,
    profile,
    row_numbers,
)
from playground.diffusion.denoiser import DataDenoiser, Denoiser, GuidedDenoiser
from playground.diffusion.dial import DIALS, Dialled, Marginal, dial
from playground.diffusion.diffusers_levels import noise_levels, pipeline_arguments, pipeline_latents
from playground.diffusion.distill import Distilling, distill
from playground.diffusion.error_split import ErrorSplit, split_errors
from playground.diffusion.exact import exact_ode, log_likelihood
from playground.diffusion.export import Exported, export_row
from playground.diffusion.from_diffusers import DiffusersDenoiser, from_diffusers, load_diffusers
from playground.diffusion.grids import GRIDS
from playground.diffusion.heat import Continuity, Heat, continuity, diffuse, heat, reversed_heat
from playground.diffusion.learning import SPLIT_STEPS, Learning, learn, measure_learned
from playground.diffusion.linear_solver import LinearForm, LinearSolver, linear_form
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.network import LearnedDenoiser, build_denoiser, load_denoiser, save_denoiser
from playground.diffusion.noise import NoiseDistribution
from playground.diffusion.one_curve import MODES, Bundle, Path, push
from playground.diffusion.preconditioning import PRECONDITIONINGS, Preconditioning, preconditioning
from playground.diffusion.prediction import KINDS, Prediction
from playground.diffusion.race import (
    NFES,
    Dot,
    Line,
    by_hand,
    distilled_dot,
    exact_ends,
    free_levels,
    make_arena,
    read_levels,
    run_race,
)
from playground.diffusion.road import ETAS, Milestone, road
from playground.diffusion.sampling import Step, Trajectory, sample, steps
from playground.diffusion.schedule import Schedule
from playground.diffusion.schedules import SCHEDULES, drawn, schedule
from playground.diffusion.solvers import SOLVERS, Solver, solver
from playground.diffusion.targets import TARGETS, mixture_from_density, mixture_from_drawing, target
from playground.diffusion.to_diffusers import to_diffusers
from playground.diffusion.training import DenoiserStep, LevelErrors, fit_denoiser

__all__ = [
    "DIALS",
    "DRAWN",
    "ETAS",
    "FREE_GRIDS",
    "FREE_SOLVERS",
    "GRIDS",
    "KINDS",
    "MODES",
    "NFES",
    "PRECONDITIONINGS",
    "ROWS",
    "SCHEDULES",
    "SOLVERS",
    "SPLIT_STEPS",
    "TARGETS",
    "Arena",
    "Bundle",
    "Continuity",
    "DataDenoiser",
    "Denoiser",
    "DenoiserStep",
    "Dialled",
    "DiffusersDenoiser",
    "Distilling",
    "Dot",
    "Draw",
    "Error",
    "ErrorSplit",
    "Exported",
    "GuidedDenoiser",
    "Heat",
    "LearnedDenoiser",
    "Learning",
    "LevelErrors",
    "Line",
    "LinearForm",
    "LinearSolver",
    "Marginal",
    "Milestone",
    "MixtureDenoiser",
    "NoiseDistribution",
    "Path",
    "Point",
    "Preconditioning",
    "Prediction",
    "Profile",
    "Row",
    "Schedule",
    "Solver",
    "Step",
    "Trajectory",
    "build_denoiser",
    "by_hand",
    "continuity",
    "dial",
    "diffuse",
    "distill",
    "distilled_dot",
    "draw",
    "drawn",
    "exact_ends",
    "exact_ode",
    "export_row",
    "fit_denoiser",
    "free_levels",
    "from_diffusers",
    "heat",
    "learn",
    "linear_form",
    "load_denoiser",
    "load_diffusers",
    "log_likelihood",
    "log_prob_picture",
    "make_arena",
    "marginal",
    "measure_learned",
    "mixture_from_density",
    "mixture_from_drawing",
    "noise_levels",
    "pipeline_arguments",
    "pipeline_latents",
    "preconditioning",
    "profile",
    "push",
    "read_levels",
    "reversed_heat",
    "road",
    "row_numbers",
    "run_race",
    "sample",
    "save_denoiser",
    "schedule",
    "solver",
    "split_errors",
    "steps",
    "target",
    "to_diffusers",
]
