"""CLIP: pictures and texts on one sphere (Radford et al. 2021), from any checkpoint, for labels nobody trained on."""

from playground.clip.embed import embed_images, embed_texts, similarity
from playground.clip.labelling import Labelled, label_pictures
from playground.clip.load import load, save
from playground.clip.model import CLIP, Config, build
from playground.clip.pictures import PictureFile, Pictures, find_pictures
from playground.clip.preprocess import preprocess, read_image
from playground.clip.search import Hit, Index, build_index, search
from playground.clip.tables import Confusion, confusion, write_table
from playground.clip.tokenizer import Tokenizer, tokenize
from playground.clip.transformer import ACTIVATIONS, Tower
from playground.clip.zero_shot import Head, ZeroShot, classifier_head, classify, zero_shot

__all__ = [
    "ACTIVATIONS",
    "CLIP",
    "Config",
    "Confusion",
    "Head",
    "Hit",
    "Index",
    "Labelled",
    "PictureFile",
    "Pictures",
    "Tokenizer",
    "Tower",
    "ZeroShot",
    "build",
    "build_index",
    "classifier_head",
    "classify",
    "confusion",
    "embed_images",
    "embed_texts",
    "find_pictures",
    "label_pictures",
    "load",
    "preprocess",
    "read_image",
    "save",
    "search",
    "similarity",
    "tokenize",
    "write_table",
    "zero_shot",
]
