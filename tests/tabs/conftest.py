"""What tests of several tabs need: a manager of models on the CPU."""

import pytest

from playground.manager import ModelManager


@pytest.fixture(scope="module")
def manager() -> ModelManager:
    """One for a file's tests, with room for every model that ships."""
    return ModelManager("cpu", budget=10**9)
