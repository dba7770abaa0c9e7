"""The endpoints of a tab, called without a server, and pictures as their callers send them."""

import base64
from collections.abc import Callable
from types import ModuleType

import gradio as gr
import pytest
from PIL import Image
from saved_pictures import saved

from playground.manager import ModelManager


def endpoints_of(api: ModuleType, manager: ModelManager, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable]:
    """By name, what this module of a tab publishes."""
    found: dict[str, Callable] = {}
    monkeypatch.setattr(gr, "api", lambda fn, **_: found.setdefault(fn.__name__, fn))
    api.build(manager)
    return found


def encoded(image: Image.Image) -> str:
    """A data URL."""
    return "data:image/png;base64," + base64.b64encode(saved(image)).decode()
