"""Lines on a Dask cluster of three worker processes: the same bytes as on one machine, whatever happens to a worker."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datapath import Limits
from datapath.errors import ConfigError, ToolError
from datapath.files import write_npz
from foldline.batch import cluster as cluster_module
from foldline.batch.cluster import BATCHES_PER_THREAD, BUILD, Cluster, cluster_errors
from foldline.batch.inputs import LineInput
from foldline.batch.results import Header
from foldline.batch.results_file import ResultsFile
from foldline.batch.simulation import Simulation
from tests.builds import QUICK, random_columns
from tests.designs import random_design
from tests.foldline.command_line import fails, run
from tests.golden_data import REPOSITORY
from tests.train import tiny
from train.data.dataset import write_dataset

distributed = pytest.importorskip("distributed")
CommClosedError = pytest.importorskip("distributed.comm").CommClosedError
pytestmark = [pytest.mark.slow, pytest.mark.no_numpy2]

WORKERS = 3
LINES = 1500
FAILED = len({n for n in range(LINES) if n % 97 == 5 or n % 101 == 7})
PATIENCE_SECONDS = 120
"""Longer than anything here takes on a busy machine."""


def start(*arguments: str, folder: Path, **variables: str) -> subprocess.Popen:
    """`dask ARGUMENTS` in a process of its own, whose log is in `folder`."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "DASK_TEMPORARY_DIRECTORY": str(folder)} | variables
    with (folder / f"{arguments[0]}-{time.monotonic_ns()}.log").open("wb") as log:
        command = [sys.executable, "-m", "dask", *arguments]
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)


def start_worker(address: str, folder: Path, **variables: str) -> subprocess.Popen:
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
    return start("worker", address, *options, folder=folder, **variables)


def start_scheduler(folder: Path) -> tuple[subprocess.Popen, str]:
    process = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", folder=folder)
    (log,) = folder.glob("scheduler-*.log")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text())):
        assert time.monotonic() < deadline and process.poll() is None, log.read_text()
        time.sleep(0.05)
    return process, found[0]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def dask(tmp_path_factory) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A scheduler's address, and its worker processes."""
    folder = tmp_path_factory.mktemp("dask")
    scheduler, address = start_scheduler(folder)
    workers = [start_worker(address, folder) for _ in range(WORKERS)]
    try:
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(WORKERS, timeout=PATIENCE_SECONDS)
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def design():
    return random_design(5, inputs=32, hidden=8, classes=5, folding=(2, 16, 4), limits=Limits(columns=200, labels=95))


@pytest.fixture
def work(design, tmp_path):
    """A command that computes one line."""
    design.save(tmp_path / "design.npz")
    write_npz(tmp_path / "pixels.npz", {"pixels_0": random_columns(design, 4)})
    return ("simulate", tmp_path / "design.npz", "--pixels", tmp_path / "pixels.npz")


def lines() -> Iterator[LineInput]:
    """Lines of which every 97th is too wide and every 101st cannot be read."""
    for number in range(LINES):
        length = 300 if number % 97 == 5 else 2 + 2 * (number % 60)
        columns = np.random.default_rng(number).integers(-8, 8, size=(length, 32)).astype(np.int8)
        missing = Path(f"missing-{number}.png")
        yield LineInput(f"line {number}", missing if number % 101 == 7 else columns)


def file_of(design, output: Path, cluster: Cluster | None = None) -> tuple[ResultsFile, Iterator]:
    """A results file of all lines, and its results as they come."""
    compute = Simulation(design=design, summaries=True).start(threads=1, cluster=cluster)
    results_file = ResultsFile(output, Header.of(design, ignore_limits=False, pixels=""))
    return results_file, results_file.run(taken_lines(), compute)


TAKEN = [0]


def taken_lines() -> Iterator[LineInput]:
    TAKEN[0] = 0
    for line in lines():
        TAKEN[0] += 1
        yield line


@pytest.fixture(scope="module")
def whole(design, tmp_path_factory) -> bytes:
    """The file of one machine."""
    output = tmp_path_factory.mktemp("one") / "o.jsonl"
    results_file, results = file_of(design, output)
    assert len(list(results)) == LINES
    assert results_file.failed == FAILED
    return output.read_bytes()


def test_a_killed_worker_changes_nothing_in_the_file(dask, design, whole, tmp_path):
    address, workers = dask
    with Cluster(address) as cluster:
        results_file, results = file_of(design, tmp_path / "o.jsonl", cluster)
        in_flight = Simulation.batch * (BATCHES_PER_THREAD * WORKERS + 2)
        for number, _ in enumerate(results, start=1):
            assert TAKEN[0] <= number + in_flight  # so many lines are in memory, not all
            if number == LINES // 3:
                workers[0].send_signal(signal.SIGKILL)
                workers[0].wait()
        assert cluster.threads == WORKERS - 1
    assert (tmp_path / "o.jsonl").read_bytes() == whole
    assert results_file.failed == FAILED


def test_interrupted_it_is_resumed_to_the_same_bytes(dask, design, tmp_path):
    address, _ = dask
    design.save(tmp_path / "design.npz")
    Image.fromarray(np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))).save(tmp_path / "line.png")
    names = [f"{tmp_path}/line.png\n", f"{tmp_path}/missing.png\n"] * 500
    (tmp_path / "list.txt").write_text("".join(names))
    output = tmp_path / "o.jsonl"
    command = ("simulate", tmp_path / "design.npz", "-o", output, "--scheduler", address, "--list")
    process = subprocess.Popen(
        [sys.executable, "-m", "foldline", *map(str, command), "-"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdin.write("".join(names[:-100]))  # and waits for more
    process.stdin.flush()
    partial = tmp_path / "o.jsonl.partial"
    wait_until(lambda: partial.exists() and partial.read_bytes().count(b"\n") > 150)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    kept = partial.read_bytes().count(b"\n") - 1
    assert process.returncode == 130
    assert re.search(rf"^Stopped\. {re.escape(str(partial))} holds {kept} lines", errors, re.MULTILINE)
    assert 0 < kept < len(names)
    fails(f"500 of {len(names)} lines failed.", *command, tmp_path / "list.txt")
    on_cluster = output.read_bytes()
    fails(f"500 of {len(names)} lines failed.", *command[:4], "--list", tmp_path / "list.txt")
    assert output.read_bytes() == on_cluster


def test_a_trace_has_all_hidden_words_and_scores(dask, design, tmp_path):
    design.save(tmp_path / "design.npz")
    write_npz(tmp_path / "p.npz", {f"pixels_{n}": random_columns(design, 2 + 2 * n, seed=n) for n in range(5)})
    files = []
    for where in ((), ("--scheduler", dask[0])):
        trace = tmp_path / f"trace{len(where)}.npz"
        command = ("simulate", tmp_path / "design.npz", "--pixels", tmp_path / "p.npz", "--trace", trace)
        result = run(*command, *where)
        files.append((result.exit_code, result.stdout, trace.read_bytes()))
    assert files[0] == files[1]
    assert files[0][0] == 0


AS_CSIM_BUILDS = """
import os
from hls_gen.csim import CSimProgram
os.environ["XDG_CACHE_HOME"] = {folder!r}
CSimProgram.__init__.__kwdefaults__["flags"] = {flags!r}
"""
"""What the fixture `csim_builds` does, for a worker."""


def test_csim_and_compare_print_what_they_print_on_one_machine(dask, csim_builds, csim_design, tmp_path):
    with distributed.Client(dask[0], set_as_default=False) as client:
        client.run(exec, AS_CSIM_BUILDS.format(folder=str(csim_builds), flags=QUICK))
    csim_design.save(tmp_path / "design.npz")
    write_npz(tmp_path / "p.npz", {f"pixels_{n}": random_columns(csim_design, 4 * n + 2, seed=n) for n in range(3)})
    write_dataset(tiny.dataset(), tmp_path / "data")
    for command in (
        ("csim", tmp_path / "design.npz", "--pixels", tmp_path / "p.npz"),
        ("compare", tmp_path / "design.npz", "--data", tmp_path / "data", "--json", "--backends", "simulated,csim"),
    ):
        here, there = run(*command), run(*command, "--scheduler", dask[0])
        assert (there.exit_code, there.stdout, there.stderr) == (here.exit_code, here.stdout, here.stderr)
        assert here.exit_code == 0


# What cannot be used ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "tcp://host", "http://host:1", "tcp://host:port"])
def test_an_address_of_another_form_is_refused(address):
    with pytest.raises(ConfigError, match=rf"scheduler is '{re.escape(address)}'; .*tcp://HOST:PORT"):
        Cluster(address)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch, work):
    monkeypatch.setattr(cluster_module, "CONNECT_SECONDS", 1)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        fails(f"No Dask scheduler answers at {address}.", *work, "--scheduler", address)


def test_a_scheduler_without_workers_says_how_one_is_started(monkeypatch, work, tmp_path):
    monkeypatch.setattr(cluster_module, "WORKER_SECONDS", 1)
    process, address = start_scheduler(tmp_path)
    try:
        result = run(*work, "--scheduler", address)
        assert result.exit_code == 1
        assert address in result.stderr and f"`dask worker {address}`" in result.stderr
    finally:
        process.kill()
        process.wait()


def test_a_worker_with_another_version_is_named(dask, monkeypatch, work):
    monkeypatch.setattr(cluster_module, "BUILD", "99.1 (abc)")
    result = run(*work, "--scheduler", dask[0])
    assert result.exit_code == 1
    build = re.escape(BUILD)
    assert re.fullmatch(rf"Error: The worker tcp://127.*:\d+ has Foldline {build}; .* 99\.1 \(abc\)\.\n", result.stderr)


def test_a_batch_is_refused_by_a_worker_of_another_version(dask, monkeypatch, design):
    """As of a worker that came after the start."""
    with Cluster(dask[0]) as cluster:
        monkeypatch.setattr(cluster_module, "BUILD", "99.1 (abc)")
        compute = Simulation(design=design).start(cluster=cluster)
        with pytest.raises(ToolError, match=rf"worker tcp://.* has Foldline {re.escape(BUILD)}.*99\.1"):
            list(compute(lines()))


def test_a_worker_without_foldline_is_named(dask, work, tmp_path):
    (tmp_path / "datapath.py").write_text("raise ModuleNotFoundError(name=__name__)")  # in place of Foldline's
    worker = start_worker(dask[0], tmp_path, PYTHONPATH=str(tmp_path))
    try:
        with Cluster(dask[0]) as cluster:
            threads = cluster.threads
            wait_until(lambda: cluster.threads > threads)
    except ToolError:  # it was there first
        pass
    try:
        result = run(*work, "--scheduler", dask[0])
        assert result.exit_code == 1
        assert re.fullmatch(rf"Error: The worker tcp://.* has no Foldline; .* {re.escape(BUILD)}\.\n", result.stderr)
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (distributed.KilledWorker("batch", None, 3), "4 workers of tcp://a:1 ended"),
        (ModuleNotFoundError("No module named 'numba'", name="numba"), "worker of tcp://a:1 .*numba"),
        (distributed.CancelledError("scheduler-connection-lost"), "connection to the scheduler tcp://a:1 is lost"),
        (CommClosedError("in <TCP>: Stream is closed"), "connection to the scheduler tcp://a:1 is lost"),
    ],
)
def test_what_dask_reports_is_one_sentence(error, message):
    with pytest.raises(ToolError, match=message), cluster_errors("tcp://a:1"):
        raise error


@pytest.mark.parametrize("words", [("merge", "a.jsonl", "-o", "b"), ("simulate", "d.npz", "--shard", "1/2")])
def test_what_it_replaces_names_it(words):
    result = run(*words)
    assert result.exit_code == 2
    assert "--scheduler tcp://HOST:PORT" in result.stderr and "docs/large-jobs.md" in result.stderr


def test_without_dask_the_extra_is_named(monkeypatch, work):
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = run(*work, "--scheduler", "tcp://127.0.0.1:1")
    assert result.exit_code == 1
    assert "pip install 'foldline[cluster]'" in result.stderr
