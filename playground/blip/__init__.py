"""BLIP: captions, matching and answers from one Vision Transformer and one MED (Li et al. 2022)."""

from playground.blip.attention import Looks, look_caption, look_match
from playground.blip.beams import Answer, Node, alternatives, beam_tree
from playground.blip.capfilt import Pair, capfilt, score_pairs
from playground.blip.clean import Progress, clean, decisions, scored
from playground.blip.exports import export
from playground.blip.generation import BeamStep, Limits, Written, beam_search, greedy, nucleus
from playground.blip.grading import Curves, Grade, Truth, curves, grade
from playground.blip.likelihood import Likelihood, likelihood
from playground.blip.load import download, load, save
from playground.blip.med import Cache, Decoder, Med, Seen
from playground.blip.model import BLIP, TASKS, Config, build
from playground.blip.preprocess import preprocess
from playground.blip.rules import Decision, Rule, Scored, decide, decide_all
from playground.blip.sets import PairSet, open_set
from playground.blip.tasks import STRATEGIES, Matches, Strategy, answer, caption, match, tokenizer_of, write
from playground.blip.tokenizer import Tokenizer, cleaned
from playground.blip.training import TrainingStep, fit

__all__ = [
    "BLIP", "STRATEGIES", "TASKS", "Answer", "BeamStep", "Cache", "Config", "Curves", "Decision", "Decoder", "Grade",
    "Likelihood", "Limits", "Looks", "Matches", "Med", "Node", "Pair", "PairSet", "Progress", "Rule", "Scored", "Seen",
    "Strategy", "Tokenizer", "TrainingStep", "Truth", "Written", "alternatives", "answer", "beam_search", "beam_tree",
    "build", "capfilt", "caption", "clean", "cleaned", "curves", "decide", "decide_all", "decisions", "download",
    "export", "fit", "grade", "greedy", "likelihood", "load", "look_caption", "look_match", "match", "nucleus",
    "open_set", "preprocess", "save", "score_pairs", "scored", "tokenizer_of", "write",
]  # fmt: skip
