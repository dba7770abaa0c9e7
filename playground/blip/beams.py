"""A beam search to look at: the tree of what was tried, and every answer that came to its end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from playground.blip.generation import NEVER, BeamStep, beam_search
from playground.blip.model import BLIP
from playground.blip.preprocess import preprocess
from playground.blip.tasks import ANSWER, check, tokenizer_of
from playground.blip.tokenizer import cleaned_question

__all__ = ["Answer", "Node", "alternatives", "beam_tree"]


@dataclass(frozen=True)
class Node:
    """One token that a beam search tried and kept."""

    parent: int | None  # the number of the node before it; None behind the prompt
    token: int
    step: int
    score: float  # nats: the summed log-probability of all up to here
    finished: bool


@dataclass(frozen=True)
class Answer:
    """An answer that a beam search ended, and its probability."""

    text: str
    probability: float


def beam_tree(steps: Sequence[BeamStep]) -> list[Node]:
    """The tree of a search's steps: what went on and what ended, parents first."""
    nodes: list[Node] = []
    beams: list[int | None] = [None]
    for number, step in enumerate(steps):
        place: dict[int, int] = {}
        for j in sorted({*step.kept, *step.finished}):
            if step.scores[j] > NEVER / 2:
                place[j] = len(nodes)
                parent = beams[step.parents[j]] if number else None
                nodes.append(Node(parent, step.tokens[j], number, step.scores[j], j in step.finished))
        beams = [place.get(j) for j in step.kept]
    return nodes


def alternatives(model: BLIP, image: Image.Image, question: str, *, beams: int = 8) -> list[Answer]:
    """The answers that a search of so many beams ended, the likeliest first; probabilities are of whole answers.

    Raises `ValueError` for a model that does not answer or has no tokenizer, and for less than one beam.
    """
    check(model, "answer")
    words, config = tokenizer_of(model), model.config
    ids, mask = (one.to(model.device) for one in words([cleaned_question(question)], config.first, config.text_length))
    with torch.no_grad():
        states = model.read(model.see(preprocess([image], config).to(model.device)), ids, mask)
        seen = model.text_decoder.look(states, None if config.like_transformers else mask)
    start = torch.full((1, 1), config.start, device=model.device)
    (made,) = beam_search(model.text_decoder, seen, start, config.end, ANSWER, beams=beams)
    nodes = beam_tree(made.steps)
    found: dict[str, float] = {}
    for node in nodes:
        if node.finished:
            text = words.decode([i for i in _path(nodes, node) if i != config.end])
            found[text] = found.get(text, 0.0) + math.exp(node.score)
    return sorted((Answer(text, share) for text, share in found.items()), key=lambda one: -one.probability)


def _path(nodes: Sequence[Node], node: Node) -> list[int]:
    """The tokens from the first to this one."""
    ids = [node.token]
    while node.parent is not None:
        node = nodes[node.parent]
        ids.append(node.token)
    return ids[::-1]
