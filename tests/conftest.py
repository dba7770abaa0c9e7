"""What every test shares: no network, one thread, fixed examples; and the switch that refreshes the baselines."""

import os

import pytest
from hypothesis import settings

# Before any test imports gradio, torch or huggingface_hub: each reads its variable once, at import.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

# The same examples on every machine; no deadline, because a loaded machine is not a fault of the code.
settings.register_profile("playground", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("playground")

pytest_plugins = ["pages"]  # tests/ui/pages.py: a browser, its pages, running apps, a client


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--refresh-baselines` writes the pictures of tests/ui/baselines instead of comparing with them."""
    parser.addoption("--refresh-baselines", action="store_true", help="write tests/ui/baselines from what is seen now")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with browser tests run last, and those last in them: they are slow, and once Playwright's event loop runs
    in a process `asyncio.run` raises there. A worker of pytest-xdist takes whole files."""

    def drawn(item: pytest.Item) -> bool:
        return "chromium" in getattr(item, "fixturenames", ())

    files = {item.path for item in items if drawn(item)}
    items.sort(key=lambda item: (item.path in files, drawn(item)))


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory):
    """What is kept on this machine lies in a folder of these tests, not among the person's own."""
    os.environ["PLAYGROUND_HOME"] = str(tmp_path_factory.mktemp("home"))
