"""Workers of a sweep: the order of its networks, what they share, and what a clone goes on with."""

import shutil
import threading

import pytest

from datapath.errors import ConfigError, FileError
from foldline.sweep.jobs import Job
from foldline.sweep.results import RESULTS, read_results, result_path, write_result
from tests.foldline.study.conftest import _no_fsync_of_databases  # noqa: F401 - a fixture
from tests.foldline.sweep.sweeps import result, settings, work

pytestmark = pytest.mark.no_numpy2


@pytest.fixture
def storage(tmp_path):
    return tmp_path / "sweep.db"


def test_a_worker_trains_all_networks_in_their_order(tmp_path, storage):
    trained = []
    of = work(tmp_path, settings(seeds=2), trained, storage=storage)
    assert trained == [job.name for job in of.space]
    assert not read_results(tmp_path, of).missing


def test_an_extended_sweep_trains_what_is_new_alone(tmp_path, storage):
    work(tmp_path, settings(), [], storage=storage)
    trained = []
    work(tmp_path, settings(seeds=2, precisions=("float", "W2A2", "W8A8")), trained, storage=storage)
    expected = {"W8A8-seed0", "float-seed1", "W2A2-seed1", "W8A8-seed1"}
    assert {name.rpartition("-")[0] for name in trained} == expected and len(trained) == 8
    # A worker that does not know of it yet gets all of them.
    of = work(tmp_path, settings(), trained, storage=storage)
    assert (of.seeds, len(trained)) == (2, 8)


def test_a_clone_goes_on_with_the_networks_that_are_missing(tmp_path, storage):
    work(tmp_path / "one", settings(), [], storage=storage)
    clone, trained = tmp_path / "clone", []
    shutil.copytree(tmp_path / "one" / RESULTS, clone / RESULTS)
    result_path(clone, Job(precision="W2A2", seed=0, fold=1)).unlink()
    work(clone, settings(), trained, storage=tmp_path / "fresh.db")
    assert trained == ["W2A2-seed0-fold1"]


def test_a_worker_on_another_machine_gets_the_results_of_the_others(tmp_path, storage):
    work(tmp_path / "one", settings(), [], storage=storage)
    trained = []
    work(tmp_path / "other", settings(), trained, storage=storage)
    assert trained == []
    one, other = (read_results(tmp_path / name, settings()).results for name in ("one", "other"))
    assert one == other and len(one) == 4


def test_two_workers_share_the_networks(tmp_path, storage):
    trained, both = [], threading.Barrier(2)

    def compute(job, of, request):
        if not trained:
            trained.append(job.name)
            both.wait(60)
        else:
            trained.append(job.name)
            if both.n_waiting:
                both.wait(60)
        found = result(job, of)
        write_result(found, tmp_path)
        return found

    def worker():
        work(tmp_path, settings(seeds=2), trained, storage=storage, compute=compute)

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(trained) == sorted(job.name for job in settings(seeds=2).space)


def test_another_sweep_of_the_same_name_is_refused(tmp_path, storage):
    work(tmp_path, settings(), [], storage=storage)
    with pytest.raises(ConfigError, match=r"^folds_by is 'line', and the sweep tiny has 'page'\.$|^folds_by is"):
        work(tmp_path, settings(folds_by="line"), [], storage=storage)


def test_a_damaged_result_stops_a_worker_before_it_trains(tmp_path, storage):
    path = write_result(result(Job(precision="W2A2", seed=0, fold=1)), tmp_path)
    path.write_text(path.read_text()[:-20])
    trained = []
    with pytest.raises(FileError, match=f"^{path} is damaged"):
        work(tmp_path, settings(), trained, storage=storage)
    assert trained == []
