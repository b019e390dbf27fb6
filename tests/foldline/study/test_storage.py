"""The databases of studies: what is opened, made, refused and left as it is."""

import sqlite3
import sys
import threading
from dataclasses import asdict

import optuna
import pytest
from optuna.storages import RetryHeartbeatStaleTrialCallback

from datapath.errors import ConfigError, FileError
from foldline.study.joining import settings_before
from foldline.study.result import read_study
from foldline.study.storage import Heartbeat, open_storage, reaching, storage_url
from tests.foldline.study.studies import HEARTBEAT, NAME, at_once, error_rates, frozen, join, read, work

pytestmark = pytest.mark.no_numpy2


def test_a_path_is_a_sqlite_file_by_its_ending():
    assert storage_url("a/b.db") == "sqlite:///a/b.db"
    assert storage_url("/a/b.sqlite3") == "sqlite:////a/b.sqlite3"
    assert storage_url("postgresql://host/name") == "postgresql://host/name"
    with pytest.raises(
        ConfigError, match=r"^storage is 'study\.txt'; .*\.db, \.sqlite, \.sqlite3.*postgresql://HOST/NAME"
    ):
        storage_url("study.txt")


@pytest.mark.parametrize("url", ["study.journal", "runs/study.log", "journal:///study.journal"])
def test_a_journal_file_is_refused(url):
    with pytest.raises(ConfigError, match=rf"^storage is '{url}'; .*SQLite.*journal files are not supported"):
        storage_url(url)


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("nothing://x/y", ConfigError, "storage is 'nothing://x/y'; there is no such kind of database."),
        (
            "postgresql+psycopg2://user:secret@nowhere.invalid/x",
            FileError,
            "Cannot open the storage postgresql+psycopg2://user:***@nowhere.invalid/x: psycopg2 is not installed.",
        ),
    ],
)
def test_a_storage_that_cannot_be_opened_is_named_without_its_password(url, error, message):
    with pytest.raises(error) as caught:
        open_storage(url, HEARTBEAT)
    assert str(caught.value) == message


def test_a_driver_that_is_missing_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(FileError) as caught:
        open_storage("postgresql://nowhere.invalid/x", HEARTBEAT)
    assert str(caught.value) == (
        "Cannot open the storage postgresql://nowhere.invalid/x: psycopg is not installed: "
        "pip install 'foldline[postgresql]'."
    )


def test_a_file_that_is_not_a_database_is_refused(storage):
    storage.write_bytes(b"not a database\n" * 100)
    with pytest.raises(FileError, match=f"{storage}"):
        read(storage)


def test_a_storage_that_is_not_there_is_not_made_to_be_read(storage):
    with pytest.raises(FileError) as caught:
        read(storage)
    assert str(caught.value) == f"Cannot read {storage}: no such file."
    assert not storage.exists()


def test_a_study_that_is_missing_is_named_with_those_that_exist(storage):
    join(storage)
    with pytest.raises(FileError) as caught:
        read_study("other", str(storage))
    assert str(caught.value) == f"There is no study 'other' in {storage}; it has tiny."


def test_a_study_of_someone_else_is_refused(storage):
    optuna.create_study(storage=open_storage(str(storage), HEARTBEAT), study_name=NAME)
    with pytest.raises(FileError) as caught:
        read(storage)
    assert str(caught.value) == "The study 'tiny' is not one of Foldline: it has no settings."


def test_a_transaction_on_sqlite_excludes_others_from_its_beginning(storage):
    """Otherwise two workers read that a trial waits before one of them writes that it runs, and both take it."""
    join(storage, trials=1).add_trial(frozen(0, state="WAITING"))
    taken, opened = [], open_storage(str(storage), HEARTBEAT)

    def objective(trial):
        taken.append(trial.number)
        return 1.0, 1.0

    other = join(storage, trials=1)
    taker = threading.Thread(target=other.optimize, args=(objective,), kwargs={"n_trials": 1})
    with opened.engine.begin():
        taker.start()
        taker.join(0.5)
        assert taker.is_alive()
    taker.join(60)
    assert taken == [0]


@pytest.mark.parametrize(("interval", "grace"), [(2, 3), (0, 10), (-1, 10)])
def test_a_heartbeat_that_is_slower_than_the_grace_period_is_refused(interval, grace):
    message = rf"^heartbeat is {interval} s with a grace of {grace} s; .*at least 1 .*half"
    with pytest.raises(ConfigError, match=message):
        Heartbeat(interval=interval, grace=grace)


@pytest.mark.parametrize("name", ["a?b.db", "p%41 {x}.db", "h#x.db"])
def test_a_file_of_sqlite_has_the_name_that_was_given(tmp_path, name):
    join(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert read(tmp_path / name).storage == str(tmp_path / name)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///", "sqlite+pysqlite:///x.db"])
def test_a_sqlite_url_without_a_file_is_refused(url):
    with pytest.raises(ConfigError) as caught:
        storage_url(url)
    assert str(caught.value) == f"storage is {url!r}; a SQLite file is sqlite:///PATH."


@pytest.mark.parametrize("heartbeat", [None, HEARTBEAT])
def test_a_file_of_something_else_is_refused_and_not_changed(tmp_path, heartbeat):
    database, folder = tmp_path / "other.db", tmp_path / "folder.db"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE accounts (name TEXT)")
    connection.close()
    folder.mkdir()
    before = database.read_bytes()
    for path, message in (
        (database, f"{database} is a database without studies."),
        (folder, f"Cannot read {folder}: it is a folder."),
    ):
        with pytest.raises(FileError) as caught:
            open_storage(str(path), heartbeat)
        assert str(caught.value) == message
    assert database.read_bytes() == before


def test_an_empty_file_is_not_written_to_when_it_is_shown(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    assert settings_before(NAME, str(path)) is None
    with pytest.raises(FileError) as caught:
        read(path)
    assert str(caught.value) == f"Cannot read {path}: it is empty."
    assert path.read_bytes() == b""
    join(path)  # but a study can begin in it
    assert read(path).trials == ()


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("result", {}, "its result is {}."),
        ("result", {**asdict(error_rates(5.0)), "cer": "low"}, "its result is {'cer': 'low', "),
        ("result", None, "its result is None."),
        ("point", {}, "its point is {}."),
        ("point", {"luts": "x"}, "its point is {'luts': 'x'}."),
        ("point", 5, "its point is 5."),
        ("curve", {"x": 1.0}, "its curve is {'x': 1.0}."),
        ("curve", {"1": "x"}, "its curve is {'1': 'x'}."),
        ("curve", [1], "its curve is [1]."),
        ("worker", "host:1", "its worker is 'host:1'."),
        ("outcome", [1], "its outcome is [1]."),
        ("outcome", [1, {}, "x"], "its outcome is [1, {}, 'x']."),
    ],
)
def test_a_damaged_trial_is_an_error_that_names_it(storage, key, value, reason):
    study = join(storage, trials=1)
    work(study, at_once)
    (trial,) = study.trials
    attributes = {**trial.user_attrs, key: value}
    study.add_trial(
        optuna.trial.create_trial(
            values=trial.values, params=trial.params, distributions=trial.distributions, user_attrs=attributes
        )
    )
    with pytest.raises(FileError) as caught:
        read(storage)
    assert str(caught.value).startswith(f"Study tiny: Trial 1 is damaged: {reason}")


def test_an_attribute_that_is_not_json_is_an_error(tmp_path):
    path = tmp_path / "study.db"
    join(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE study_user_attributes SET value_json = '{broken'")
    connection.close()
    with pytest.raises(FileError) as caught:
        read(path)
    assert str(caught.value) == (
        "The study 'tiny' is damaged: JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 "
        "(char 1)."
    )


def test_a_database_that_fails_while_it_is_in_use_is_named(storage):
    study = join(storage)
    with sqlite3.connect(storage) as connection:
        connection.execute("DROP TABLE trials")
    message = rf"^The storage sqlite:///{storage} fails: no such table: trials\.$"
    with pytest.raises(FileError, match=message), reaching(f"sqlite:///{storage}"):
        study.get_trials()


def test_a_worker_has_optunas_heartbeats_and_retries_and_a_reader_has_none(storage):
    worker = open_storage(str(storage), Heartbeat(interval=2, grace=9))
    assert (worker.heartbeat_interval, worker.grace_period) == (2, 9)
    assert isinstance(worker.heartbeat_stale_trial_callback, RetryHeartbeatStaleTrialCallback)
    join(storage)
    assert open_storage(str(storage)).heartbeat_interval is None
