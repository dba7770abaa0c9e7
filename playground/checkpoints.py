"""Read and write weights as folders of model.safetensors and config.json."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

__all__ = ["ROOT", "delete", "fetch", "read", "read_json", "read_tensors", "write", "write_text"]

FILES = ("config.json", "model.safetensors")
ROOT = Path(__file__).resolve().parent.parent / "checkpoints"


def read(folder: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The configuration and the tensors of a checkpoint folder.

    A relative name that is no folder here is looked for beside the app, so `checkpoints/x` works from anywhere.
    Raises `FileNotFoundError` naming the file that is missing, `ValueError` for a configuration that is no JSON object
    and for weights that are no whole safetensors file: pickled ones can run code, and are never opened.
    """
    folder = _here(folder) or Path(folder)
    for name in FILES:
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} holds no {name}; a checkpoint is a folder with config.json and model.safetensors"
            )
    return read_json(folder / "config.json"), read_tensors(folder / "model.safetensors")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises `FileNotFoundError`, and `ValueError` for what is no whole one."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no safetensors file, or not all of one ({error}); "
            "fetch or train it again, and convert pickled weights to safetensors where you trust them"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises `FileNotFoundError`, and `ValueError` for what is no JSON or no object."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} must hold a JSON object, not {type(config).__name__}")
    return config


def _here(folder: str | Path) -> Path | None:
    """The folder as it is named, or of that name beside the app; None where there is neither."""
    return next((place for place in (Path(folder), ROOT.parent / folder) if place.is_dir()), None)


def fetch(source: str | Path, patterns: Sequence[str]) -> Path:
    """The folder of a checkpoint: one here, one beside the app, or a repository of the hub ("owner/name").

    Of a repository the files that match the patterns are fetched (`*` matches slashes too), once. Raises
    `FileNotFoundError` where there is neither a folder nor a repository.
    """
    if (folder := _here(source)) is not None:
        return folder
    from huggingface_hub import snapshot_download  # half a second, only where a hub is used
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(str(source), allow_patterns=list(patterns)))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise FileNotFoundError(
            f"{source} is neither a folder nor a repository that the hub gives us: {str(error).splitlines()[0]}"
        ) from error


def write(folder: str | Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint folder; each file appears whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        save_file(
            {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()},
            Path(scratch, "model.safetensors"),
        )
        Path(scratch, "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        for name in reversed(FILES):  # the configuration last
            Path(scratch, name).replace(folder / name)


def delete(folder: str | Path) -> None:
    """Delete the files of a checkpoint that `write` wrote, and the folder if nothing else is in it."""
    folder = Path(folder)
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def write_text(path: str | Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as scratch:
        scratch.write(text)
    Path(scratch.name).chmod(0o644)
    Path(scratch.name).replace(path)
