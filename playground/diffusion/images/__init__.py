"""Pictures: a class-conditional denoiser of small pictures, its data, its training and its figures of merit."""

from playground.diffusion.images.digits import Pictures, digits
from playground.diffusion.images.drawing import FEW, Drawn, RowError, draw_pictures, measure_rows
from playground.diffusion.images.merit import denoising_error, table
from playground.diffusion.images.model import PictureModel, build, load, save
from playground.diffusion.images.training import fit_pictures

__all__ = [
    "FEW",
    "Drawn",
    "PictureModel",
    "Pictures",
    "RowError",
    "build",
    "denoising_error",
    "digits",
    "draw_pictures",
    "fit_pictures",
    "load",
    "measure_rows",
    "save",
    "table",
]
