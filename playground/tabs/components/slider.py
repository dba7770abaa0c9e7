"""Slider: Gradio's, but a number out of range reaches the handler, whose refusal is in the person's language."""

import gradio as gr

__all__ = ["Slider"]


class Slider(gr.Slider):
    """A slider whose box takes any number: `gr.Slider` refuses one out of range itself, in English and unnamed."""

    def preprocess(self, payload: float | None) -> float | None:
        """What the browser sends, as it is."""
        return payload
