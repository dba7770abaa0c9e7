"""Representations learned by contrast, and how much of one thing another tells: every public name of the library."""

from playground.representations.cpc import Predictor, info_nce_loss
from playground.representations.critics import CRITICS, build_critic
from playground.representations.deep_infomax import OBJECTIVES, DeepInfoMax
from playground.representations.digits import Augmentation, augment, digits, few_labels
from playground.representations.efficiency import (
    WAYS,
    Labelled,
    Score,
    fine_tune,
    interval,
    label_efficiency,
    linear_probe,
)
from playground.representations.encoder import Encoder, build_encoder, features, settle
from playground.representations.estimate import ESTIMATORS, Estimate, Estimator, Reading, estimate, read
from playground.representations.experiment import Experiment, compare_methods, labelled_digits, views_of
from playground.representations.margin import margin_loss, triplet_loss
from playground.representations.moco import MoCo
from playground.representations.nce import nce_loss, negative_sampling_loss, ranking_loss, softmax_loss
from playground.representations.ngram import Factor, NGram
from playground.representations.nonparametric import histogram_information, ksg_information
from playground.representations.nt_xent import alignment, nt_xent, uniformity
from playground.representations.pairs import PAIRS, Pairs, correlation, gaussian_information, pairs
from playground.representations.plane import plane_of
from playground.representations.pretraining import METHODS, Pretraining, Recipe, pretrain
from playground.representations.text import Vocabulary, paragraphs, split_words
from playground.representations.watching import Merit, Watch, watch_infomax
from playground.representations.without_negatives import byol_loss, vicreg_loss
from playground.representations.world_record import WorldRecord, world_record

__all__ = [
    "CRITICS",
    "ESTIMATORS",
    "METHODS",
    "OBJECTIVES",
    "PAIRS",
    "WAYS",
    "Augmentation",
    "DeepInfoMax",
    "Encoder",
    "Estimate",
    "Estimator",
    "Experiment",
    "Factor",
    "Labelled",
    "Merit",
    "MoCo",
    "NGram",
    "Pairs",
    "Predictor",
    "Pretraining",
    "Reading",
    "Recipe",
    "Score",
    "Vocabulary",
    "Watch",
    "WorldRecord",
    "alignment",
    "augment",
    "build_critic",
    "build_encoder",
    "byol_loss",
    "compare_methods",
    "correlation",
    "digits",
    "estimate",
    "features",
    "few_labels",
    "fine_tune",
    "gaussian_information",
    "histogram_information",
    "info_nce_loss",
    "interval",
    "ksg_information",
    "label_efficiency",
    "labelled_digits",
    "linear_probe",
    "margin_loss",
    "nce_loss",
    "negative_sampling_loss",
    "nt_xent",
    "pairs",
    "paragraphs",
    "plane_of",
    "pretrain",
    "ranking_loss",
    "read",
    "settle",
    "softmax_loss",
    "split_words",
    "triplet_loss",
    "uniformity",
    "vicreg_loss",
    "views_of",
    "watch_infomax",
    "world_record",
]
