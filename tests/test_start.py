"""The app starts lean: what is imported when its page is built, and what the page and the files name."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pages
import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "transformers",
    "diffusers",
    "open_clip",
    "torchvision",
    "skimage",
    "sklearn",
    "matplotlib",
    "plotly.express",
)
PROGRAM = """
import os, sys, json
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import torch
from playground import tabs
from playground.manager import ModelManager
tabs.build(ModelManager(torch.device("cpu"), 2**30))
print(json.dumps(sorted(sys.modules)))
"""


def test_heavy_libraries_wait_until_they_are_needed():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert "torch" in modules
    assert not [name for name in HEAVY if name in modules]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--device", "abacus"], "no device is called 'abacus'"),
        (["--lang", "xx"], "zh-CN"),
        (["--port", "many"], "invalid int value"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(arguments, words):
    done = subprocess.run(
        [sys.executable, "app.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_app_is_short():
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) <= 60


def test_space_runs_what_is_pinned():
    """The Space's front matter names the version of Gradio that requirements.txt pins, and app.py."""
    front = dict(
        line.split(": ", 1)
        for line in (ROOT / "README.md").read_text(encoding="utf-8").split("---")[1].strip().splitlines()
    )
    pins = dict(
        line.split("==")
        for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    assert front["sdk"] == "gradio"
    assert front["sdk_version"].strip('"') == pins["gradio"]
    assert front["python_version"].strip('"') == "3.12.12"
    assert (ROOT / front["app_file"]).is_file()


def test_space_starts_without_the_package_being_installed(tmp_path):
    """`python app.py` beside no more than the packages: a Space installs requirements.txt, and nothing of ours."""
    shutil.copy(ROOT / "app.py", tmp_path)  # from the folder itself Python would find the metadata of its build
    for name in ("playground", "checkpoints"):
        (tmp_path / name).symlink_to(ROOT / name)
    packages = tmp_path / "site-packages"
    packages.mkdir()
    for entry in Path(np.__file__).parents[1].iterdir():
        if "playground" not in entry.name:
            (packages / entry.name).symlink_to(entry)
    port = pages.free_port()
    environ = {**os.environ, "PYTHONPATH": str(packages), "GRADIO_TEMP_DIR": str(tmp_path / "gradio")}
    command = [sys.executable, "-S", "app.py", "--port", str(port)]  # -S: no site-packages but ours
    url, output = f"http://127.0.0.1:{port}/", tmp_path / "output.txt"
    with pages.serving(command, url, output, cwd=tmp_path, environ=environ):
        assert pages.answers(url)
