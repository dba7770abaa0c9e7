"""What import-linter's contracts in pyproject.toml cannot say: closed modules, and that no package is forgotten."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
FACES = {
    "tabs",
    "cli",
    "cli_blip",
    "cli_bootstrap",
    "cli_capfilt",
    "cli_clip",
    "cli_label",
    "cli_mmbench",
    "cli_mmbench_record",
    "cli_mmbench_run",
    "cli_representations",
    "figures",
    "answering",
    "catalog",
    "server",
    "i18n",
}  # all others compute
HOUSE = {"manager", "books", "memory", "device", "zero_gpu"}  # compute, but are no pipelines
# Module -> all that it may import besides the standard library.
ONLY = {
    "manager": {"torch", "playground.books", "playground.memory"},
    "books": {"torch"},
    "memory": {"torch"},
    "server": {"starlette"},
}


def named(name):
    """The contract whose name begins so."""
    return next(contract for contract in CONTRACTS if contract["name"].startswith(name))


def members():
    """The modules and packages directly in playground/."""
    found = (path for path in (ROOT / "playground").iterdir() if path.suffix == ".py" or any(path.rglob("*.py")))
    return {path.stem for path in found} - {"__init__"}


def imported(path):
    """All that a file imports, inside functions too: packages by their first name, our own modules in full."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
            if node.module == "playground":
                names = [f"playground.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name if name.startswith((".", "playground.")) else name.split(".")[0] for name in names)


@pytest.mark.parametrize("module", ONLY)
def test_closed_modules(module):
    path = ROOT / "playground" / f"{module}.py"
    files = [path] if path.exists() else sorted(path.with_suffix("").rglob("*.py"))
    assert files
    for file in files:
        strangers = set(imported(file)) - ONLY[module] - set(sys.stdlib_module_names)
        assert not strangers, f"{file.relative_to(ROOT)} imports {strangers}"


def test_no_package_is_forgotten():
    computing = {f"playground.{name}" for name in members() - FACES}
    assert set(named("What computes")["source_modules"]) == computing
    pipelines = computing - {f"playground.{name}" for name in HOUSE}
    assert {n for n in named("Figures")["forbidden_modules"] if n.startswith("playground.")} == pipelines


def test_every_layer_is_a_design_name():
    """A misspelt optional layer would be a contract over nothing."""
    layers = {name for layer in named("An import")["layers"] for name in re.findall(r"\w+", layer)}
    pipelines = {"flows", "diffusion", "clip", "blip", "representations", "mmbench"}
    assert layers == pipelines | FACES | HOUSE | {"nn", "checkpoints", "pictures", "world", "ray_parts"}
    assert members() <= layers


def test_every_package_has_its_init():
    """Without it import-linter and mypy pass a folder over."""
    folders = {path.parent for path in (ROOT / "playground").rglob("*.py")}
    assert [f.relative_to(ROOT) for f in folders if not (f / "__init__.py").exists()] == []


def test_imports_are_absolute():
    for file in (ROOT / "playground").rglob("*.py"):
        assert not [name for name in imported(file) if name.startswith(".")], file
