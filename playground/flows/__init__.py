"""Densities of the plane, normalising flows, and their training; every public name of the library."""

from playground.flows.build import FLOWS, LAYERS, build, load, save
from playground.flows.density import DENSITIES, EXTENT, Density, density
from playground.flows.film import LayerView, film
from playground.flows.fit import FitStep, fit
from playground.flows.flow import Flow
from playground.flows.grid import log_prob_grid
from playground.flows.live import Frame, Lane, portrait, watch
from playground.flows.microscope import LayerReport, Report, inspect, mass
from playground.flows.pictures import density_from_drawing, density_from_image, read_image
from playground.flows.plane import generator
from playground.flows.points import density_from_points, read_points

__all__ = [
    "DENSITIES",
    "EXTENT",
    "FLOWS",
    "LAYERS",
    "Density",
    "FitStep",
    "Flow",
    "Frame",
    "Lane",
    "LayerReport",
    "LayerView",
    "Report",
    "build",
    "density",
    "density_from_drawing",
    "density_from_image",
    "density_from_points",
    "film",
    "fit",
    "generator",
    "inspect",
    "load",
    "log_prob_grid",
    "mass",
    "portrait",
    "read_image",
    "read_points",
    "save",
    "watch",
]
