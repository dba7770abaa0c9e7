"""Representations learned by contrast, and how much of one thing another tells: every public name of the library."""

from playground.representations.critics import CRITICS, build_critic
from playground.representations.estimate import ESTIMATORS, Estimate, Estimator, Reading, estimate, read
from playground.representations.nonparametric import histogram_information, ksg_information
from playground.representations.pairs import PAIRS, Pairs, correlation, gaussian_information, pairs

__all__ = [
    "CRITICS",
    "ESTIMATORS",
    "PAIRS",
    "Estimate",
    "Estimator",
    "Pairs",
    "Reading",
    "build_critic",
    "correlation",
    "estimate",
    "gaussian_information",
    "histogram_information",
    "ksg_information",
    "pairs",
    "read",
]
