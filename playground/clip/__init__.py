"""CLIP: pictures and texts on one sphere (Radford et al. 2021), from any checkpoint, for labels nobody trained on."""

from playground.clip.embed import embed_images, embed_texts, similarity
from playground.clip.fast import accelerate
from playground.clip.load import load, save
from playground.clip.model import CLIP, Config, build
from playground.clip.preprocess import preprocess, read_image
from playground.clip.search import Hit, Index, build_index, search
from playground.clip.tokenizer import Tokenizer, tokenize
from playground.clip.transformer import ACTIVATIONS, Tower
from playground.clip.zero_shot import Head, ZeroShot, classifier_head, classify, zero_shot

__all__ = [
    "ACTIVATIONS",
    "CLIP",
    "Config",
    "Head",
    "Hit",
    "Index",
    "Tokenizer",
    "Tower",
    "ZeroShot",
    "accelerate",
    "build",
    "build_index",
    "classifier_head",
    "classify",
    "embed_images",
    "embed_texts",
    "load",
    "preprocess",
    "read_image",
    "save",
    "search",
    "similarity",
    "tokenize",
    "zero_shot",
]
