"""Representations learned by contrast, and how much of one thing another tells: every public name of the library."""

from playground.representations.corpora import Corpus, corpus_of, passage, python_documentation
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
from playground.representations.neural_ngram import LANGUAGE_OBJECTIVES, LanguageStep, fit_language_model
from playground.representations.ngram import Factor, NGram
from playground.representations.noise import approach
from playground.representations.nonparametric import histogram_information, ksg_information
from playground.representations.nt_xent import alignment, nt_xent, uniformity
from playground.representations.pairs import PAIRS, Pairs, correlation, gaussian_information, pairs
from playground.representations.patches import PatchesStep, fit_patches
from playground.representations.plane import plane_of
from playground.representations.points import batch_of, descend
from playground.representations.pretraining import METHODS, Pretraining, Recipe, pretrain, train_objective
from playground.representations.race import Race, race
from playground.representations.ratio import Ratio, learned_ratio
from playground.representations.samples import Samples, samples
from playground.representations.text import Vocabulary, paragraphs, split_words
from playground.representations.watching import Merit, Watch, watch_infomax
from playground.representations.without_negatives import byol_loss, vicreg_loss
from playground.representations.word_vectors import WordsStep, fit_words, neighbours
from playground.representations.world_record import WorldRecord, load_encoder, world_record

__all__ = [
    "CRITICS",
    "ESTIMATORS",
    "LANGUAGE_OBJECTIVES",
    "METHODS",
    "OBJECTIVES",
    "PAIRS",
    "WAYS",
    "Augmentation",
    "Corpus",
    "DeepInfoMax",
    "Encoder",
    "Estimate",
    "Estimator",
    "Experiment",
    "Factor",
    "Labelled",
    "LanguageStep",
    "Merit",
    "MoCo",
    "NGram",
    "Pairs",
    "PatchesStep",
    "Predictor",
    "Pretraining",
    "Race",
    "Ratio",
    "Reading",
    "Recipe",
    "Samples",
    "Score",
    "Vocabulary",
    "Watch",
    "WordsStep",
    "WorldRecord",
    "alignment",
    "approach",
    "augment",
    "batch_of",
    "build_critic",
    "build_encoder",
    "byol_loss",
    "compare_methods",
    "corpus_of",
    "correlation",
    "descend",
    "digits",
    "estimate",
    "features",
    "few_labels",
    "fine_tune",
    "fit_language_model",
    "fit_patches",
    "fit_words",
    "gaussian_information",
    "histogram_information",
    "info_nce_loss",
    "interval",
    "ksg_information",
    "label_efficiency",
    "labelled_digits",
    "learned_ratio",
    "linear_probe",
    "load_encoder",
    "margin_loss",
    "nce_loss",
    "negative_sampling_loss",
    "neighbours",
    "nt_xent",
    "pairs",
    "paragraphs",
    "passage",
    "plane_of",
    "pretrain",
    "python_documentation",
    "race",
    "ranking_loss",
    "read",
    "samples",
    "settle",
    "softmax_loss",
    "split_words",
    "train_objective",
    "triplet_loss",
    "uniformity",
    "vicreg_loss",
    "views_of",
    "watch_infomax",
    "world_record",
]
