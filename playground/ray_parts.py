"""A job in parts on several machines: a pool of workers on Ray Data, the parts in their order."""

import logging
import math
import os
import pickle
import re
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Make", "RayPool", "ray_library"]

Make = Callable[[str], Callable[[Any], Any]]  # on a device, "cpu" or "cuda", what turns a part into its result
AHEAD = 2  # parts that a worker has: one in work, one on its way
RETRIES = 3  # of a part whose worker died: what is in it may be what kills it
SETTINGS = (  # that Ray reads as it is imported or begun; off, unless they are set
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV",  # under `uv run`, packs the folder for each worker to install it anew
    "RAY_USAGE_STATS_ENABLED",  # tells its makers what is run
    "RAY_worker_niceness",  # 15: workers of this machine would give way to all else
)


@dataclass(frozen=True)
class RayPool:
    """Workers of Ray, a process each, that are made once and do a part at a time.

    A worker has `cpus` cores, as many threads, and `gpus` of a GPU, such as .25 where four share one. There are
    `workers` of them, by default as many as there is room for. `address` is a running cluster's ("auto" on one of its
    nodes), which grows for them if it can; without it, Ray is begun on this machine, and ended with the run. A session
    of Ray that this process has begun already is used as it is.

    Raises `ValueError` for numbers out of range, for GPUs that this machine does not have, and where the extra `ray` is
    not installed; `OSError` where there is no cluster, where nothing was done for 30 minutes, and where a part's
    workers died four times.
    """

    workers: int | None = None
    cpus: float = 1
    gpus: float = 0
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, not {self.workers}")
        if not 0 < self.cpus < math.inf:
            raise ValueError(f"cpus must be above 0, not {self.cpus}")
        if not 0 <= self.gpus < math.inf:
            raise ValueError(f"gpus must be at least 0, not {self.gpus}")
        if self.address not in (None, "auto") and not re.fullmatch(r"[^/]+:\d+", str(self.address)):
            raise ValueError(f"address must be auto or host:port of a cluster's head, not {self.address}")

    def work(self, make: Make, parts: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        """The results of the parts, in their order.

        `make` is called in every worker, and travels by name: give a function of a module that all nodes have, or a
        partial of one. `parts` is called once, in a process of this machine, and its parts go to the workers through
        Ray's object store, no faster than they take them. A `ValueError` or an `OSError` of `make`, of `parts` or of a
        part's work is raised here, where its part would come.
        """
        ray = ray_library()
        try:
            with self.session():
                yield from self._done(ray, make, parts)
        except ray.exceptions.RayActorError as error:
            raise OSError(
                f"the workers died {RETRIES + 1} times over one part; the parts before it are done. Where they do so "
                f"again, a picture of that part kills them, or the memory is too small: {str(error).splitlines()[0]}"
            ) from error
        except ray.data.exceptions.ExecutionTimeoutError as error:
            raise OSError("nothing was done for 30 minutes: see whether the cluster has room for a worker") from error

    @contextmanager
    def session(self) -> Iterator[None]:
        """Begin Ray, unless it is, and end what was begun: around several calls of `work`, which else each do so."""
        ray = ray_library()
        begun = not ray.is_initialized()
        try:
            if begun:
                self.begin(ray)
            yield
        finally:
            if begun:
                ray.shutdown()

    def begin(self, ray: ModuleType) -> None:
        """Connect this process with the cluster, or begin one. Raises as the class says."""
        options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if self.address is not None:
            _knock(self.address)
            ray.init(address=self.address, **options)
            return
        cores = None if self.workers is None else math.ceil(self.workers * self.cpus)  # in name, so that all find room
        try:
            ray.init(address="local", num_cpus=cores, include_dashboard=False, **options)
        except Exception as error:  # a bare one, where its processes are not there after 30 seconds
            raise OSError(f"Ray did not begin on this machine, which may be too busy: {error}") from error
        there, wanted = ray.cluster_resources().get("GPU", 0), (self.workers or 1) * self.gpus
        if wanted > there:
            raise ValueError(f"{self.workers or 1} workers with {self.gpus} GPUs each do not fit in {there:g} GPUs")

    def _done(self, ray: ModuleType, make: Make, parts: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        context = ray.data.DataContext.get_current().copy()
        context.target_max_block_size = 1  # byte, so that each part is a block: what a worker gets, or does again
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        for handler in logging.getLogger("ray.data").handlers:
            if handler.name == "console":
                handler.setLevel(logging.WARNING)

        def read(_: "pyarrow.Table") -> Iterator["pyarrow.Table"]:
            for number, content in enumerate(_read(parts)):
                yield _table(number, content)

        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        with ray.data.DataContext.current(context), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of max_task_retries, which has no other name yet
            tables = ray.data.from_items([0]).map_batches(
                read, batch_size=None, batch_format="pyarrow", num_cpus=0, label_selector=here
            )  # no core: workers that have them all would wait for it, and it for them
            done = tables.map_batches(
                _Worker, batch_size=1, batch_format="pyarrow", num_cpus=self.cpus, num_gpus=self.gpus or None,
                compute=ray.data.ActorPoolStrategy(size=self._count(ray), max_tasks_in_flight_per_actor=AHEAD),
                max_task_retries=RETRIES,
                fn_constructor_kwargs={
                    "make": make, "device": "cuda" if self.gpus else "cpu", "threads": math.ceil(self.cpus),
                },
            )  # fmt: skip
        results = done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
        for number, table in enumerate(results):
            assert table["number"].to_pylist() == [number]  # a run that is resumed relies on the order
            content = _unpacked(table)
            if isinstance(content, Exception):
                raise content
            yield content

    def _count(self, ray: ModuleType) -> int:
        if self.workers is not None:
            return self.workers
        there = ray.cluster_resources()
        room = there.get("CPU", 0) / self.cpus
        if self.gpus:
            room = min(room, there.get("GPU", 0) / self.gpus)
        return max(1, int(room))


class _Worker:
    """What is wrong, with the models or with a part, is handed on, to be raised where the run was begun."""

    def __init__(self, make: Make, device: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.work: Callable[[Any], Any] | Exception
        try:
            self.work = make(device)
        except (ValueError, OSError) as error:
            self.work = error

    def __call__(self, table: "pyarrow.Table") -> "pyarrow.Table":
        content = _unpacked(table)
        if isinstance(self.work, Exception):
            content = self.work
        elif not isinstance(content, Exception):
            try:
                content = self.work(content)
            except (ValueError, OSError) as error:
                content = error
        return _table(table["number"][0].as_py(), content)


def _read(parts: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    try:
        yield from parts()
    except (ValueError, OSError) as error:
        yield error


def _table(number: int, content: Any) -> "pyarrow.Table":
    """A part as Ray Data carries it: one row."""
    import pyarrow

    packed = pyarrow.array([pickle.dumps(content)], pyarrow.large_binary())  # a part may have 2 GiB
    return pyarrow.table({"number": [number], "content": packed})


def _unpacked(table: "pyarrow.Table") -> Any:
    return pickle.loads(table["content"][0].as_py())


def _knock(address: str) -> None:
    """Raise `OSError` where nothing answers: Ray itself would ask for a quarter of an hour."""
    host, _, port = address.rpartition(":")
    if host:
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise OSError(f"no cluster answers at {address} ({error}); on one of its nodes, auto finds it") from error


def ray_library() -> ModuleType:
    """Ray, with its library of data. Raises `ValueError` where it is not installed."""
    for name in SETTINGS:
        os.environ.setdefault(name, "0")
    try:
        import ray
        import ray.data
        import ray.data.exceptions
    except ImportError as error:
        raise ValueError("the engine ray needs its library: uv sync --extra ray") from error
    return ray
