"""Pictures: a class-conditional denoiser of small pictures, its data, its training and its figures of merit."""

from playground.diffusion.images.digits import CLASSES, SIDE, Pictures, digits
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
    "RUNS",
    "SIDE",
    "Judge",
    "Line",
    "Merit",
    "PictureModel",
    "PictureStep",
    "Pictures",
    "Run",
    "build",
    "denoising_error",
    "digits",
    "fit_judge",
    "fit_pictures",
    "frechet_distance",
    "load",
    "merit",
    "save",
    "table",
]
