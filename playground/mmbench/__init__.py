"""MMBench: questions, CircularEval, the choice extracted from an answer, and the report (Liu et al. 2024).

`playground.mmbench.mini`, our own benchmark, is apart: drawing its pictures takes torch, and scoring does not.
"""

from playground.mmbench.answerers import Answer, by_chance, by_letter, by_scores, prompt_of
from playground.mmbench.circular import CircularStep, circular, evaluate_circular, passes, rotated
from playground.mmbench.extraction import Extraction, explain_choice, extract_choice
from playground.mmbench.pictures import open_picture, read_picture
from playground.mmbench.predictions import Prediction, Predictions, predictions_of, read_predictions
from playground.mmbench.questions import Problem, Question, group_of, read_folder, read_jsonl, write_folder, write_jsonl
from playground.mmbench.report import Comparison, Group, LetterShare, Report, Row, Score, Share, write_sheet
from playground.mmbench.scoring import PROFILES, compare, score
from playground.mmbench.taxonomy import ABILITIES, L1, L2, L3, VERSIONS, Ability, ability, l1_of, l2_of
from playground.mmbench.tsv import read_tsv, write_tsv

__all__ = [
    "ABILITIES",
    "L1",
    "L2",
    "L3",
    "PROFILES",
    "VERSIONS",
    "Ability",
    "Answer",
    "CircularStep",
    "Comparison",
    "Extraction",
    "Group",
    "LetterShare",
    "Prediction",
    "Predictions",
    "Problem",
    "Question",
    "Report",
    "Row",
    "Score",
    "Share",
    "ability",
    "by_chance",
    "by_letter",
    "by_scores",
    "circular",
    "compare",
    "evaluate_circular",
    "explain_choice",
    "extract_choice",
    "group_of",
    "l1_of",
    "l2_of",
    "open_picture",
    "passes",
    "predictions_of",
    "prompt_of",
    "read_folder",
    "read_jsonl",
    "read_picture",
    "read_predictions",
    "read_tsv",
    "rotated",
    "score",
    "write_folder",
    "write_jsonl",
    "write_sheet",
    "write_tsv",
]
