"""Where in the picture, and at which words, CLIP sees that the two belong together: `relevance` in both towers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import regex
import torch
from PIL import Image

from playground.clip.embed import words_of
from playground.clip.model import CLIP, Resize
from playground.clip.preprocess import placed, preprocess
from playground.clip.relevance import relevance
from playground.clip.tokenizer import Tokenizer, clean
from playground.nn.attentions import Attentions
from playground.pictures import to_rgb

__all__ = ["Explanation", "explain"]

WORD = regex.compile(r"\p{Han}\p{P}*|[^\s\p{Han}]+")  # Chinese has no spaces: there a character is a word


@dataclass(frozen=True, eq=False)
class Explanation:
    """What counted for a picture and a text; relevance in [0, 1], 1 for the most relevant, all 0 where nothing was."""

    picture: np.ndarray  # (grid, grid), float32: the patches of the square that the model saw
    words: tuple[str, ...]  # k, as they were written
    word_scores: np.ndarray  # (k,), float32; of a word that was cut off, 0
    cosine: float  # of picture and text, in [-1, 1]
    probability: float | None  # of the text against the others, where there were any
    size: tuple[int, int]  # width and height of the upright picture
    side: int  # of the square, in pixels
    resize: Resize  # how the picture became the square

    def heat(self, size: tuple[int, int] | None = None) -> np.ndarray:
        """The picture's relevance (height, width), float32 in [0, 1], in the frame of the upright picture itself.

        Bicubic (Keys 1981) between the patches' centres, 0 where the crop did not see. `size`, width and height in
        pixels, is the frame's, which may be a smaller copy's. Raises `ValueError` where it is not positive.
        """
        frame = self.size if size is None else size
        if min(frame) < 1:
            raise ValueError(f"size must be a positive width and height, not {frame}")
        width, height, left, top = (self.side, self.side, 0, 0)
        if self.resize == "shortest":
            width, height, left, top = placed(self.size, self.side)
        grid = len(self.picture)
        columns = _cubic((np.arange(frame[0]) + 0.5) / frame[0] * width - left, self.side, grid)
        rows = _cubic((np.arange(frame[1]) + 0.5) / frame[1] * height - top, self.side, grid)
        answer: np.ndarray = (rows @ self.picture @ columns.T).clip(0, 1)  # the cubic overshoots
        return answer


def _cubic(places: np.ndarray, side: int, grid: int) -> np.ndarray:
    """Weights (n, grid), float32, of `grid` patches for places (n,) in pixels of the square; 0 outside of it."""
    u = places / side * grid - 0.5  # in patches, from the first one's centre
    first = np.floor(u).astype(int) - 1
    weights = np.zeros((len(u), grid), np.float32)
    for i in range(4):
        x = np.abs(u - first - i)
        near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
        np.add.at(weights, (np.arange(len(u)), (first + i).clip(0, grid - 1)), np.where(x < 1, near, far))
    weights[(places < 0) | (places >= side)] = 0
    return weights


def explain(model: CLIP, image: Image.Image, text: str, *, against: Sequence[str] = ()) -> Explanation:
    """What in `image` and in `text` counted for their cosine.

    With other texts `against`, what counted for the text's log-probability among them: what tells it from them. The
    model is only read. Raises `ValueError` for texts that are empty or stand twice, a model without a tokenizer, and
    one whose picture tower has no class token to read at.
    """
    texts = _checked(text, against)
    tokenizer = words_of(model)
    if getattr(model.visual, "class_embedding", None) is None or not isinstance(tokenizer, Tokenizer):
        raise ValueError("explain follows the attention of a class token, and this model's picture tower has none")
    device, rgb = model.logit_scale.device, to_rgb(image)
    with torch.inference_mode(False), torch.enable_grad():
        pixels = preprocess([rgb], model.config).to(device)
        tokens = tokenizer(texts, model.config.context_length).to(device)
        with Attentions() as seen:
            picture = model.encode_image(pixels)  # (1, embed_dim)
        with Attentions() as read:
            embedded = model.encode_text(tokens[:1])
        score = cosine = (picture.float() * embedded.float()).sum()
        if against:
            with torch.no_grad():
                others = model.encode_text(tokens[1:])
            score = model.logits(picture, torch.cat([embedded, others])).float().log_softmax(dim=-1)[0, 0]
        gradients = torch.autograd.grad(score, [*seen.kept, *read.kept])
    layers, end = len(seen.kept), int(tokens[0].argmax())
    patches = relevance(seen.kept, gradients[:layers], 0)[1:].cpu().numpy()
    pieces = relevance(read.kept, gradients[layers:], end)[1:end].cpu().numpy()
    words, scores = _by_words(tokenizer, text, pieces)
    grid = model.config.image_size // model.config.patch_size
    return Explanation(
        picture=_to_one(patches.reshape(grid, grid)),
        words=words,
        word_scores=_to_one(scores),
        cosine=cosine.item(),
        probability=score.exp().item() if against else None,
        size=rgb.size,
        side=model.config.image_size,
        resize=model.config.resize,
    )


def _checked(text: str, against: Sequence[str]) -> list[str]:
    if isinstance(against, str):
        raise ValueError(f"against must be a list of strings, not the one string {against!r}")
    texts = [text, *against]
    if wrong := [one for one in texts if not isinstance(one, str) or not clean(one)]:
        raise ValueError(f"a text to explain must have words, and {wrong[0]!r} has none")
    if twice := [one for i, one in enumerate(texts) if clean(one) in map(clean, texts[:i])]:
        raise ValueError(f"the texts must differ, and {twice[0]!r} stands twice")
    return texts


def _by_words(tokenizer: Tokenizer, text: str, pieces: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The words of a text and the sums (k,) of their pieces' relevance; pieces without relevance were cut off.

    A piece is spread over its letters, so that words and pieces need not begin at the same places.
    """
    cleaned = clean(text)
    letters = np.zeros(len(cleaned), np.float32)
    for (first, last), value in zip(tokenizer.spans(text), pieces, strict=False):
        letters[first:last] += value / (last - first)
    found = list(WORD.finditer(cleaned))
    spoken, written = tuple(match.group() for match in found), tuple(WORD.findall(text))
    scores = np.array([letters[slice(*match.span())].sum() for match in found], np.float32)
    # Where cleaning mended more than capitals and spaces, the words are those that the model read.
    return (written if tuple(map(clean, written)) == spoken else spoken), scores


def _to_one(values: np.ndarray) -> np.ndarray:
    return values / top if (top := values.max(initial=0)) > 0 else values
