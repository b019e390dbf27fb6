"""Workers of a sweep: the order of its networks, what they share, and what a clone goes on with."""

import shutil
import threading

import pytest

from datapath.errors import ConfigError, FileError
from foldline.sweep.jobs import Job
from foldline.sweep.results import RESULTS, read_results, result_path, write_result
from foldline.sweep.settings import read_settings, write_settings
from foldline.sweep.worker import SETTINGS, SweepWorker, join_sweep, shared_settings
from tests.foldline.study.conftest import _no_fsync_of_databases  # noqa: F401 - a fixture
from tests.foldline.sweep.sweeps import HEARTBEAT, NAME, result, settings, work

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
    write_settings(settings(), clone)
    result_path(clone, Job(precision="W2A2", seed=0, fold=1)).unlink()
    work(clone, settings(), trained, storage=tmp_path / "fresh.db")
    assert trained == ["W2A2-seed0-fold1"]


def test_a_network_is_trained_again_in_another_study(tmp_path, storage):
    """The study that has its result hands it back, see docs/sweep.md."""
    work(tmp_path, settings(), [], storage=storage)
    removed = result_path(tmp_path, Job(precision="W2A2", seed=0, fold=1))
    for name, expected in ((NAME, []), ("again", [removed.stem])):
        removed.unlink()
        trained = []
        work(tmp_path, settings(), trained, storage=storage, name=name)
        assert trained == expected and removed.exists()


def test_a_folder_with_another_result_than_the_storage_is_refused(tmp_path, storage):
    """As of a worker that was taken for lost, and has written its result all the same."""
    of, job = settings(), Job(precision="W2A2", seed=0, fold=1)
    work(tmp_path / "one", of, [], storage=storage)
    (tmp_path / "other").mkdir()
    write_settings(of, tmp_path / "other")
    write_result(result(job, of, minutes=9.0), tmp_path / "other")
    with pytest.raises(
        FileError, match=r"W2A2-seed0-fold1\.json is of another training than Trial 1 of the study 'tiny'\. Remove it"
    ):
        work(tmp_path / "other", of, [], storage=storage)
    assert len(read_results(tmp_path / "one", of).results) == 4


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
    trained = []
    with pytest.raises(ConfigError, match=r"^folds_by is 'line', and the sweep tiny has 'page'\.$"):
        work(tmp_path / "other", settings(folds_by="line"), trained, storage=storage)
    assert trained == []


def test_a_folder_that_joins_a_sweep_gets_what_another_folder_has_added(tmp_path, storage):
    """Before the worker trains, while it trains, and after its last network."""
    one, other, longer = tmp_path / "one", tmp_path / "other", settings(seeds=2, precisions=("float", "W2A2", "W8A8"))
    work(one, settings(), [], storage=storage)
    work(other, longer, [], storage=storage)
    assert (read_settings(one), read_settings(other)) == (settings(), longer)
    work(one, settings(), [], storage=storage)
    assert read_settings(one) == longer
    assert read_results(one, longer) == read_results(other, longer)

    trained = []

    def compute(job, of, request):
        if not trained:  # another folder extends the sweep while this worker trains its first network
            join_sweep(NAME, f"sqlite:///{storage}", settings(seeds=4), HEARTBEAT)
        trained.append(job.name)
        found = result(job, of)
        write_result(found, one)
        return found

    work(one, settings(seeds=3), [], storage=storage, compute=compute)
    assert (read_settings(one).seeds, len(trained)) == (4, 12)
    assert not read_results(one, read_settings(one)).missing


def test_a_sweep_that_was_stopped_is_extended_by_two_folders_and_ended_by_both(tmp_path, storage):
    """Each folder gets the results of both, whichever of them asked for the network."""
    one, other, trained = tmp_path / "one", tmp_path / "other", []

    def stops(job, of, request):
        if len(trained) == 1:
            raise KeyboardInterrupt
        trained.append(job.name)
        found = result(job, of)
        write_result(found, one)
        return found

    with pytest.raises(KeyboardInterrupt):
        work(one, settings(), trained, storage=storage, compute=stops)
    work(other, settings(precisions=("float", "W2A2", "W4A4")), trained, storage=storage)
    of = work(one, settings(precisions=("float", "W2A2", "W8A8")), trained, storage=storage)
    work(other, read_settings(other), trained, storage=storage)
    assert sorted(trained) == sorted(job.name for job in of.space) and len(trained) == 8
    for folder in (one, other):
        assert sorted(read_settings(folder).precisions) == ["W2A2", "W4A4", "W8A8", "float"]
        assert not read_results(folder, read_settings(folder)).missing


def test_precisions_of_workers_that_extend_a_sweep_at_once_are_kept(tmp_path, storage, monkeypatch):
    """Both read the settings before either has written them."""
    work(tmp_path, settings(), [], storage=storage)
    one, _ = join_sweep(NAME, f"sqlite:///{storage}", settings(), HEARTBEAT)
    other, _ = join_sweep(NAME, f"sqlite:///{storage}", settings(), HEARTBEAT)
    write, wider = one.set_user_attr, settings(precisions=("float", "W2A2", "W4A4"))

    def overwritten(name, text):
        write(name, text)
        other.set_user_attr(name, settings(precisions=("float", "W2A2", "W8A8"), seeds=2).as_text(shared=True))
        monkeypatch.setattr(one, "set_user_attr", write)

    monkeypatch.setattr(one, "set_user_attr", overwritten)
    found = shared_settings(one, wider)
    assert (found.precisions, found.seeds) == (("float", "W2A2", "W4A4", "W8A8"), 2)
    assert shared_settings(other, settings()).precisions == ("float", "W2A2", "W8A8", "W4A4")
    # Written over after this worker has read it again: its next network brings it back.
    other.set_user_attr(SETTINGS, settings().as_text(shared=True))
    worker = SweepWorker(one, found, None, log=None, keep=None)
    assert worker.settings() == found
    assert set(shared_settings(other, settings()).precisions) == set(found.precisions)


def test_a_damaged_result_stops_a_worker_before_it_trains(tmp_path, storage):
    path = write_result(result(Job(precision="W2A2", seed=0, fold=1)), tmp_path)
    path.write_text(path.read_text()[:-20])
    write_settings(settings(), tmp_path)
    trained = []
    with pytest.raises(FileError, match=f"^{path} is damaged"):
        work(tmp_path, settings(), trained, storage=storage)
    assert trained == []
