"""CLIP: pictures and texts on one sphere (Radford et al. 2021), from any checkpoint, for labels nobody trained on."""

from playground.clip.contrast import OBJECTIVES, Batch
from playground.clip.embed import cosines, embed_images, embed_texts, similarity
from playground.clip.explain import Explanation, explain
from playground.clip.fast import accelerate
from playground.clip.gap import Gap, map3d, modality_gap
from playground.clip.journal import JournalError
from playground.clip.labelling import Labelled, label_pictures
from playground.clip.live import Glimpse, watch_clip
from playground.clip.load import download, load, save
from playground.clip.losses import info_nce, sigmoid_loss
from playground.clip.model import CLIP, Config, build
from playground.clip.preprocess import preprocess
from playground.clip.probe import Shot, few_shot_curve, linear_probe
from playground.clip.rating import Prompts, Rating, embed_prompts, prompts, rate
from playground.clip.search import Hit, Index, build_index, search
from playground.clip.siglip_tokenizer import SiglipTokenizer
from playground.clip.tables import Confusion, confusion, write_table
from playground.clip.templates import TEMPLATES
from playground.clip.tokenizer import Tokenizer, clean, tokenize
from playground.clip.training import TrainingStep, fit
from playground.clip.transformer import ACTIVATIONS
from playground.clip.zero_shot import Head, ZeroShot, classifier_head, classify, zero_shot
from playground.nn.tower import Tower
from playground.pictures import PictureFile, Pictures, find_pictures, read_image

__all__ = [
    "ACTIVATIONS",
    "CLIP",
    "OBJECTIVES",
    "TEMPLATES",
    "Batch",
    "Config",
    "Confusion",
    "Explanation",
    "Gap",
    "Glimpse",
    "Head",
    "Hit",
    "Index",
    "JournalError",
    "Labelled",
    "PictureFile",
    "Pictures",
    "Prompts",
    "Rating",
    "Shot",
    "SiglipTokenizer",
    "Tokenizer",
    "Tower",
    "TrainingStep",
    "ZeroShot",
    "accelerate",
    "build",
    "build_index",
    "classifier_head",
    "classify",
    "clean",
    "confusion",
    "cosines",
    "download",
    "embed_images",
    "embed_prompts",
    "embed_texts",
    "explain",
    "few_shot_curve",
    "find_pictures",
    "fit",
    "info_nce",
    "label_pictures",
    "linear_probe",
    "load",
    "map3d",
    "modality_gap",
    "preprocess",
    "prompts",
    "rate",
    "read_image",
    "save",
    "search",
    "sigmoid_loss",
    "similarity",
    "tokenize",
    "watch_clip",
    "write_table",
    "zero_shot",
]
