"""Densities of the plane, normalising flows, and their training; every public name of the library."""

from playground.flows.build import FLOWS, LAYERS, MATCHING, build, load, save
from playground.flows.coupling import COUPLINGS, couple, plan, wasserstein
from playground.flows.density import DENSITIES, EXTENT, Density, density
from playground.flows.film import LayerView, film
from playground.flows.fit import FitStep, fit
from playground.flows.flow import Flow
from playground.flows.grid import log_prob_grid
from playground.flows.interpolants import INTERPOLANTS, Interpolant, interpolant
from playground.flows.journey import Hurried, Journey, hurry, journey
from playground.flows.live import Frame, Lane, portrait, watch
from playground.flows.matching import Matching, build_matching
from playground.flows.microscope import LayerReport, Report, inspect, mass
from playground.flows.ode import METHODS
from playground.flows.one_step import DistilStep, OneStep, distil
from playground.flows.pictures import density_from_drawing, density_from_image, read_image
from playground.flows.plane import generator
from playground.flows.points import density_from_points, read_points
from playground.flows.rounds import Round, RoundStep, measure_round, next_round

__all__ = [
    "COUPLINGS",
    "DENSITIES",
    "EXTENT",
    "FLOWS",
    "INTERPOLANTS",
    "LAYERS",
    "MATCHING",
    "METHODS",
    "Density",
    "DistilStep",
    "FitStep",
    "Flow",
    "Frame",
    "Hurried",
    "Interpolant",
    "Journey",
    "Lane",
    "LayerReport",
    "LayerView",
    "Matching",
    "OneStep",
    "Report",
    "Round",
    "RoundStep",
    "build",
    "build_matching",
    "couple",
    "density",
    "density_from_drawing",
    "density_from_image",
    "density_from_points",
    "distil",
    "film",
    "fit",
    "generator",
    "hurry",
    "inspect",
    "interpolant",
    "journey",
    "load",
    "log_prob_grid",
    "mass",
    "measure_round",
    "next_round",
    "plan",
    "portrait",
    "read_image",
    "read_points",
    "save",
    "wasserstein",
    "watch",
]
