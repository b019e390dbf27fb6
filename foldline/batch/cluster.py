"""Work on the workers of a Dask cluster: results in the order of the items, a bounded number of batches at a time.

Dask computes a batch again where its worker is lost. Scheduler, workers and this machine exchange pickled objects, which
can run any code: use a network on which every machine is trusted. See docs/decisions/0014-dask-cluster.md.
"""

from __future__ import annotations

import hashlib
import logging
import pkgutil
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import datapath
from datapath.errors import ConfigError, FoldlineError, ToolError
from datapath.quoting import quoted
from datapath.version import VERSION

if TYPE_CHECKING:
    from distributed import Future


def _build() -> str:
    digest = hashlib.sha256()
    root = Path(datapath.__file__).parents[1]
    for package in ("datapath", "fixedpoint_sim", "hls_gen", "rtl_gen"):
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".hpp", ".cpp", ".sv", ".j2"):
                digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return f"{VERSION} ({digest.hexdigest()[:12]})"


BUILD = _build()
"""Version of Foldline, and digest of the files that compute results: equal on every machine, as checkouts may differ."""

CONNECT_SECONDS = 10
"""Time within which a scheduler must answer."""

WORKER_SECONDS = 30
"""Time within which the scheduler must have a worker."""

BATCHES_PER_THREAD = 3
"""Batches per worker thread that are sent before the first result is taken: one is computed, the others wait for it."""


class Cluster:
    """A connection to a Dask scheduler, a context manager.

    :param address: of the scheduler: tcp://HOST:PORT, or tls://HOST:PORT with the certificates of Dask's configuration.
    :raises ConfigError: the address is of another form.
    :raises ToolError: the scheduler does not answer, has no worker, or has one without the same files of Foldline.
    :raises ModuleNotFoundError: `distributed` is not installed.
    """

    def __init__(self, address: str) -> None:
        if not re.fullmatch(r"(tcp|tls)://[^\s/]+:[0-9]{1,5}", address):
            raise ConfigError(f"scheduler is {quoted(address)}; it must be tcp://HOST:PORT or tls://HOST:PORT.")
        from distributed import Client

        self.address = address
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="foldline")
        except (OSError, ValueError) as error:
            raise ToolError(f"No Dask scheduler answers at {address}.") from error
        try:
            self._require_workers()
        except ToolError:
            self.close()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up what is not computed, and end the connection; the scheduler and its workers go on."""
        self._client.close()

    @property
    def threads(self) -> int:
        """Threads of all workers."""
        return sum(self._client.nthreads().values())

    def _require_workers(self) -> None:
        from distributed import TimeoutError as DaskTimeoutError

        try:
            self._client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except DaskTimeoutError as error:
            start = f"dask worker {self.address}"
            raise ToolError(f"The scheduler {self.address} has no worker; `{start}` starts one.") from error
        builds = self._client.run(pkgutil.resolve_name, f"{__name__}:BUILD", on_error="return")
        for worker, build in sorted(builds.items()):
            _require_build(worker, "no Foldline" if isinstance(build, Exception) else f"Foldline {build}", BUILD)

    def run_in_order(
        self, prepare: Callable[[], Callable[[Any], Any]], items: Iterable[Any], *, batch: int
    ) -> Iterator[Any]:
        """Results of `prepare()(item)` in the order of `items`.

        :param prepare: called once by each worker process; it must be possible to pickle it.
        :param items: each is taken when a worker is about to need it.
        :param batch: items that a worker computes at a time.
        :raises ToolError: the connection is lost, a batch has ended several workers, or a worker lacks a package.
        :raises FoldlineError: as `prepare` and its function raise it.
        """
        token = uuid4().hex
        ahead: deque[Future] = deque()
        items = iter(items)
        while group := list(islice(items, batch)):
            with cluster_errors(self.address):
                ahead.append(self._client.submit(_compute, token, prepare, group, build=BUILD, pure=False))
                full = len(ahead) >= BATCHES_PER_THREAD * self.threads
            if full:
                yield from self._result(ahead.popleft())
        while ahead:
            yield from self._result(ahead.popleft())

    def _result(self, future: Future) -> list[Any]:
        with cluster_errors(self.address):
            return future.result()


def silence_logs() -> None:
    """Let Dask log nothing in this process, for a command that prints the error itself."""
    import distributed  # sets the levels

    for name in (distributed.__name__, distributed.client.__name__):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def cluster_errors(address: str) -> Iterator[None]:
    """Raise a `ToolError` that names why the cluster at `address` fails, in place of what Dask raises."""
    from distributed import CancelledError, KilledWorker

    try:
        yield
    except KilledWorker as error:
        ended = error.allowed_failures + 1
        raise ToolError(f"{ended} workers of {address} ended while they computed the same batch.") from error
    except ModuleNotFoundError as error:
        raise ToolError(f"A worker of {address} does not have the package {error.name}.") from error
    except (OSError, CancelledError) as error:
        raise ToolError(f"The connection to the scheduler {address} is lost.") from error


def _require_build(worker: str, found: str, needed: str) -> None:
    if found != f"Foldline {needed}":
        raise ToolError(f"The worker {worker} has {found}; this run needs Foldline {needed}.")


_lock = Lock()
_prepared: dict[str, Callable[[Any], Any]] = {}
"""What this worker process has prepared last, by its token."""


def _compute(token: str, prepare: Callable[[], Callable[[Any], Any]], items: list[Any], *, build: str) -> list[Any]:
    """One batch, on a worker; workers that have come since the start are asked for their version here."""
    from distributed import get_worker

    worker = get_worker().address
    _require_build(worker, f"Foldline {BUILD}", build)
    try:
        with _lock:
            if token not in _prepared:
                prepared = prepare()
                _prepared.clear()
                _prepared[token] = prepared
            work = _prepared[token]
        return [work(item) for item in items]
    except FoldlineError as error:
        raise error.within(f"worker {worker}") from error
    except OSError as error:
        raise ToolError(f"worker {worker}: {error}") from error
