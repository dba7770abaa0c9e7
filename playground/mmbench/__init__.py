"""MMBench: questions, CircularEval, the choice extracted from an answer, and the report (Liu et al. 2024).

Apart is what takes torch, which scoring does not (`mini`, our own benchmark; `image_text`, `judge_local`,
`ray_engine`), and what few need (`record`, `leaderboard`, `bias`, `published`).
"""

from playground.mmbench.answerers import Answer, by_chance, by_letter, by_majority, by_scores, prompt_of
from playground.mmbench.circular import CircularStep, circular, evaluate_circular, passes, rotated
from playground.mmbench.extraction import Extraction, explain_choice, extract_choice
from playground.mmbench.judge import Judge, JudgeStep, audit_rows, judge_prompt, judge_rows
from playground.mmbench.judge_endpoint import endpoint_judge
from playground.mmbench.pictures import open_picture, read_picture
from playground.mmbench.predictions import Prediction, Predictions, predictions_of, read_predictions
from playground.mmbench.questions import Problem, Question, group_of, read_folder, read_jsonl, write_folder, write_jsonl
from playground.mmbench.report import Comparison, Group, LetterShare, Report, Row, Score, Share, write_sheet
from playground.mmbench.running import RunStep, run, write_predictions
from playground.mmbench.runs import Run, Runs
from playground.mmbench.scoring import PROFILES, compare, score
from playground.mmbench.taxonomy import ABILITIES, L1, L2, L3, VERSIONS, Ability, ability, l1_of, l2_of
from playground.mmbench.tsv import read_tsv, write_tsv
from playground.mmbench.verdicts import Agreement, Verdict, agreement, append_verdict, read_verdicts

__all__ = [
    "ABILITIES",
    "L1",
    "L2",
    "L3",
    "PROFILES",
    "VERSIONS",
    "Ability",
    "Agreement",
    "Answer",
    "CircularStep",
    "Comparison",
    "Extraction",
    "Group",
    "Judge",
    "JudgeStep",
    "LetterShare",
    "Prediction",
    "Predictions",
    "Problem",
    "Question",
    "Report",
    "Row",
    "Run",
    "RunStep",
    "Runs",
    "Score",
    "Share",
    "Verdict",
    "ability",
    "agreement",
    "append_verdict",
    "audit_rows",
    "by_chance",
    "by_letter",
    "by_majority",
    "by_scores",
    "circular",
    "compare",
    "endpoint_judge",
    "evaluate_circular",
    "explain_choice",
    "extract_choice",
    "group_of",
    "judge_prompt",
    "judge_rows",
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
    "read_verdicts",
    "rotated",
    "run",
    "score",
    "write_folder",
    "write_jsonl",
    "write_predictions",
    "write_sheet",
    "write_tsv",
]
