"""Read and write weights as folders of model.safetensors and config.json."""

import contextlib
import errno
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

__all__ = [
    "ROOT",
    "Progress",
    "delete",
    "fetch",
    "read",
    "read_json",
    "read_pickled",
    "read_run",
    "read_tensors",
    "write",
    "write_bytes",
    "write_text",
]

Progress = Callable[[int, int], None]  # bytes done, bytes in all

FILES = ("config.json", "model.safetensors")
SHA256 = re.compile(r"[0-9a-f]{64}")  # the hub's ETag of a large file
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


def read_pickled(path: Path) -> dict[str, Tensor]:
    """The state dict in a file that torch.save wrote, nothing else in it ever run. Raises `ValueError`."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no pickle fail in the reader wherever they lead it
        raise ValueError(
            f"{path} is no file of tensors alone, or not all of one; what could run code is not opened "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        ) from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds a {type(state).__name__}, not a state dict")
    return state


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


def fetch(source: str | Path, patterns: Sequence[str], progress: Progress | None = None) -> Path:
    """The folder of a checkpoint: one here, one beside the app, or a repository of the hub ("owner/name").

    Of a repository the files that match the patterns are fetched (`*` matches slashes too), once; `progress(done,
    total)` is told the bytes of those that are, in any thread, and what it raises stops the fetching. A file appears
    whole or not at all, and weights are compared with the SHA-256 that the hub names them by, where the cache has
    symbolic links. Raises `FileNotFoundError` where there is neither a folder nor a repository, a file is missing
    there, or the hub is not reached; `ValueError` for weights of another hash, which are deleted; `OSError` where the
    hub or the disk fails. After each of them the same call goes on with the files that are whole.
    """
    if (folder := _here(source)) is not None:
        return folder
    import httpx  # half a second with the next one, only where a hub is used
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        bar = None if progress is None else _bar(progress)
        folder = Path(snapshot_download(str(source), allow_patterns=list(patterns), tqdm_class=bar))
    except (HFValidationError, httpx.HTTPError, OSError, RuntimeError) as error:  # the last is hf_xet's
        raise _refusal(source, error) from error
    _check_hashes(folder)
    return folder


def _bar(progress: Progress) -> Any:
    """A bar of tqdm's that shows nothing and tells `progress` the bytes."""
    from tqdm.auto import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self.bytes = options.get("unit") == "B"  # another bar counts files
            super().__init__(*args, **options | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.bytes and self.total:
                progress(int(self.n), int(self.total))

    return Bar


def _refusal(source: str | Path, error: Exception) -> OSError:
    """What went wrong at the hub or on the way, in one sentence."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RemoteEntryNotFoundError,
    )

    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    said = " ".join((str(error) or type(error).__name__).splitlines()[0].split())
    status = next((one.response.status_code for one in chain if isinstance(one, HfHubHTTPError)), 0)
    neither = f"{source} is neither a folder nor a repository that the hub gives us"
    if any(isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT) for one in chain):
        return OSError(f"the disk is full, and {source} does not fit; free some room, and fetch it again")
    if isinstance(error, RemoteEntryNotFoundError):
        return FileNotFoundError(f"{source} lists a file that the hub does not have: {said}")
    if isinstance(error, GatedRepoError):
        return FileNotFoundError(f"{neither} before you agree to its terms on its page and set HF_TOKEN: {said}")
    if status == 429:
        return OSError(f"the hub has had too many requests from here (429); fetch {source} again in some minutes")
    if status >= 500:
        return OSError(f"the hub fails at present ({status}); fetch {source} again later")
    if any(isinstance(one, OfflineModeIsEnabled) for one in chain):
        return FileNotFoundError(f"{neither}: HF_HUB_OFFLINE forbids to ask it, and no whole copy is here")
    if isinstance(error, HFValidationError | HfHubHTTPError):
        return FileNotFoundError(f"{neither}: {said}")
    if isinstance(error, LocalEntryNotFoundError):
        return FileNotFoundError(f"{neither}: it is not reached, and no whole copy is here; see to the network")
    return OSError(f"{source} did not arrive whole ({said}); fetch it again")


def _check_hashes(folder: Path) -> None:
    """Compare weights with the hash their blob is named by, once. Raises `ValueError` where they differ."""
    for file in sorted(folder.rglob("*.safetensors")):
        blob = Path(file.parent, file.readlink()) if file.is_symlink() else file
        if not SHA256.fullmatch(blob.name):
            continue
        mark, state = folder.parents[1] / "verified" / blob.name, blob.stat()
        seen = f"{state.st_size} {state.st_mtime_ns}\n"
        if mark.is_file() and mark.read_text(encoding="utf-8") == seen:
            continue
        with blob.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if found != blob.name:
            for path in (blob.resolve(), blob, file):
                path.unlink(missing_ok=True)
            raise ValueError(
                f"{file.name} of {folder.parents[1].name} is not what the hub has: its SHA-256 is {found[:12]}..., not "
                f"{blob.name[:12]}...; the file is deleted, fetch it again"
            )
        with contextlib.suppress(OSError):  # a cache that cannot be written to is compared each time
            write_text(mark, seen)


def read_run(folder: Path | None, settings: Mapping[str, Any]) -> dict[str, Tensor] | None:
    """What an interrupted run of these settings left in a folder, if anything. Raises `ValueError` for another's."""
    if folder is None or not (folder / "config.json").is_file():
        return None
    kept, state = read(folder)
    if kept != settings:
        raise ValueError(f"{folder} holds another run, {kept}; give another folder, or delete it")
    return state


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
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = tempfile.NamedTemporaryFile(dir=path.parent, delete=False)  # noqa: SIM115  # closed before it is moved
    try:
        with scratch:
            scratch.write(content)
        Path(scratch.name).chmod(0o644)
        Path(scratch.name).replace(path)
    except BaseException:
        Path(scratch.name).unlink(missing_ok=True)
        raise
