"""Pictures: a class-conditional denoiser of small pictures, its data, its training and its figures of merit."""

from playground.diffusion.images.digits import CLASSES, SIDE, Pictures, digits
from playground.diffusion.images.drawing import FEW, MANY, Drawn, RowError, draw_pictures, measure_rows
from playground.diffusion.images.merit import (
    RUNS,
    Judge,
    Line,
    Merit,
    Run,
    denoising_error,
    fit_judge,
    frechet_distance,
    merit,
    table,
)
from playground.diffusion.images.model import PictureModel, build, load, save
from playground.diffusion.images.training import PictureStep, fit_pictures

__all__ = [
    "CLASSES",
    "FEW",
    "MANY",
    "RUNS",
    "SIDE",
    "Drawn",
    "Judge",
    "Line",
    "Merit",
    "PictureModel",
    "PictureStep",
    "Pictures",
    "RowError",
    "Run",
    "build",
    "denoising_error",
    "digits",
    "draw_pictures",
    "fit_judge",
    "fit_pictures",
    "frechet_distance",
    "load",
    "measure_rows",
    "merit",
    "save",
    "table",
]
