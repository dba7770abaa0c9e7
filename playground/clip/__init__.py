"""CLIP: pictures and texts on one sphere (Radford et al. 2021), from any checkpoint, for labels nobody trained on."""

from playground.clip.load import load, save
from playground.clip.model import CLIP, Config, build
from playground.clip.tokenizer import Tokenizer, tokenize
from playground.clip.transformer import ACTIVATIONS, Tower

__all__ = ["ACTIVATIONS", "CLIP", "Config", "Tokenizer", "Tower", "build", "load", "save", "tokenize"]
