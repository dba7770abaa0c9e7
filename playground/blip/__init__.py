"""BLIP: captions, matching and answers from one Vision Transformer and one MED (Li et al. 2022)."""

from playground.blip.generation import BeamStep, Limits, Written, beam_search, greedy, nucleus
from playground.blip.load import download, load, save
from playground.blip.med import Cache, Decoder, Med, Seen
from playground.blip.model import BLIP, TASKS, Config, build
from playground.blip.preprocess import preprocess
from playground.blip.tasks import STRATEGIES, Matches, answer, caption, match, write
from playground.blip.tokenizer import Tokenizer, cleaned
from playground.blip.training import TrainingStep, fit

__all__ = [
    "BLIP", "STRATEGIES", "TASKS", "BeamStep", "Cache", "Config", "Decoder", "Limits", "Matches", "Med", "Seen",
    "Tokenizer", "TrainingStep", "Written", "answer", "beam_search", "build", "caption", "cleaned", "download", "fit",
    "greedy", "load", "match", "nucleus", "preprocess", "save", "write",
]  # fmt: skip
