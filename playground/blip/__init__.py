"""BLIP: captions, matching and answers from one Vision Transformer and one MED (Li et al. 2022)."""

from playground.blip.attention import Looks, look_caption, look_match
from playground.blip.beams import Answer, Node, alternatives, beam_tree
from playground.blip.capfilt import Decision, Pair, Scored, capfilt, decide, score_pairs
from playground.blip.generation import BeamStep, Limits, Written, beam_search, greedy, nucleus
from playground.blip.load import download, load, save
from playground.blip.med import Cache, Decoder, Med, Seen
from playground.blip.model import BLIP, TASKS, Config, build
from playground.blip.preprocess import preprocess
from playground.blip.tasks import STRATEGIES, Matches, answer, caption, match, write
from playground.blip.tokenizer import Tokenizer, cleaned
from playground.blip.training import TrainingStep, fit

__all__ = [
    "BLIP", "STRATEGIES", "TASKS", "Answer", "BeamStep", "Cache", "Config", "Decision", "Decoder", "Limits", "Looks",
    "Matches", "Med", "Node", "Pair", "Scored", "Seen", "Tokenizer", "TrainingStep", "Written", "alternatives",
    "answer", "beam_search", "beam_tree", "build", "capfilt", "caption", "cleaned", "decide", "download", "fit",
    "greedy", "load", "look_caption", "look_match", "match", "nucleus", "preprocess", "save", "score_pairs", "write",
]  # fmt: skip
