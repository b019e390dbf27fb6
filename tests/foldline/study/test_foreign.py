"""Studies, trials and attributes that another program or another version has written into the database of a study."""

import json
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from datapath.errors import ConfigError, FileError
from foldline.study import joining, trials
from foldline.study import storage as storage_module
from foldline.study.attributes import CURVE, POINT, RESULT, WORKER
from foldline.study.joining import settings_before
from foldline.study.space import Choice
from foldline.study.storage import open_storage, reaching
from foldline.study.table import study_report
from tests.foldline.study.studies import HEARTBEAT, NAME, at_once, join, read, work

pytestmark = pytest.mark.no_numpy2


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Databases of a study that has begun, and of one of which a trial has finished: making tables takes longest."""
    folder = tmp_path_factory.mktemp("made")
    join(folder / "begun.db", trials=2)
    work(join(folder / "worked.db", trials=1), at_once)
    return folder


@pytest.fixture
def begun(made, storage):
    return Path(shutil.copy(made / "begun.db", storage))


@pytest.fixture
def worked(made, storage):
    return Path(shutil.copy(made / "worked.db", storage))


def change(storage, statement, *values):
    """Execute a statement of SQL in a database."""
    with closing(sqlite3.connect(storage)) as connection, connection:
        connection.execute(statement, values)


def set_settings(storage, value):
    """Write the settings of the study, as JSON."""
    change(storage, "UPDATE study_user_attributes SET value_json = ?", json.dumps(value))


OURS = {"weight": 2, "activation": 2, "bias": 8, "fc_weight": 8, "hidden": 4}


def foreign(params, *, state=TrialState.COMPLETE, values=(1.0, 1.0), distributions=None, **attributes):
    """A trial of another program."""
    kinds = {name: CategoricalDistribution((value,)) for name, value in params.items()}
    complete = state is TrialState.COMPLETE
    return create_trial(
        state=state,
        values=values if complete else None,
        params=params,
        distributions=distributions or kinds,
        user_attrs=attributes,
    )


def test_trials_that_are_no_network_do_not_count(begun):
    study, kept = join(begun, trials=2), 0
    for state in (TrialState.COMPLETE, TrialState.RUNNING, TrialState.WAITING, TrialState.FAIL):
        for params in ({}, {"x": 0.5}):
            study.add_trial(foreign(params, state=state, worker="somebody", point=5))
            kept += 1
    work(study, at_once)
    found = read(begun)
    assert [trial.state for trial in found.finished] == ["complete"] * 2
    assert all(trial.number >= kept for trial in found.trials)
    assert list(study_report(found, max_cer=50.0, complete=True))


@pytest.mark.parametrize(
    "changes", [{"weight": "2"}, {"weight": 2.0}, {"hidden": True}, {"weight": None}, {"dropout": 0.5}]
)
def test_parameters_of_other_types_are_no_network(changes):
    assert Choice.of(OURS) is not None
    assert Choice.of({**OURS, **changes}) is None
    assert Choice.of({"weight": 2}) is None


@pytest.mark.parametrize("params", [{"weight": 2}, {**OURS, "hidden": 5000}])
def test_a_trial_with_parameters_of_our_names_and_other_values_is_no_network(begun, params):
    """Optuna then takes no trial of ours: a parameter of a study has the same values in all trials."""
    study = join(begun, trials=2)
    study.add_trial(foreign(params, worker="somebody", point=5))
    assert read(begun).trials == ()
    message = (
        r"^The study 'tiny' is damaged: ValueError: CategoricalDistribution does not support dynamic value space\.$"
    )
    with pytest.raises(FileError, match=message):
        work(study, at_once)


def test_a_trial_with_other_distributions_is_one_sentence(begun):
    study = join(begun, trials=3)
    kinds = {name: IntDistribution(value, value + 8) for name, value in OURS.items()}
    study.add_trial(foreign(OURS, distributions=kinds))
    with pytest.raises(FileError, match=r"^The study 'tiny' is damaged: ValueError: Cannot set different distribution"):
        work(study, at_once)
    with pytest.raises(FileError, match=r"^Study tiny: Trial 0 is damaged: its point is None\.$"):
        read(begun)


@pytest.mark.parametrize("column", ["value", "value_type"])
def test_a_complete_trial_without_its_values_is_named(worked, column):
    value = {"value": "x", "value_type": "INF_POS"}[column]
    change(worked, f"UPDATE trial_values SET {column} = ? WHERE objective = 0", value)
    message = {
        "value": r"^(Study tiny: )?Trial 0 is damaged: its values are \['x', ",
        "value_type": r"^(Study tiny: )?The study 'tiny' is damaged: AssertionError: ",
    }[column]
    for command in (lambda: read(worked), lambda: work(join(worked, trials=2), at_once)):
        with pytest.raises(FileError, match=message):
            command()


@pytest.mark.parametrize("name", [CURVE, POINT, RESULT, WORKER])
@pytest.mark.parametrize("value", [5, {"1": None}])
def test_an_attribute_of_a_complete_trial_that_is_something_else_is_named(worked, name, value):
    change(worked, "DELETE FROM trial_user_attributes WHERE key = ?", name)
    change(
        worked,
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (1, ?, ?)",
        name,
        json.dumps(value),
    )
    with pytest.raises(FileError, match=rf"^Study tiny: Trial 0 is damaged: its {name} is "):
        read(worked)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"preset": 5}, "preset is 5; it must be values by name"),
        ({"preset": {"new_hyperparameter": 1}}, "preset"),
        ({"weight": [2, "x"]}, "weight has 'x'; allowed is 2 to 8"),
        ({"weight": []}, "weight is []; it must be one or more numbers"),
        ({"hidden": 4}, "'int' object is not iterable"),
        ({"lines": 5}, "'int' object is not iterable"),
        ({"data": []}, "data is []; it must be values by name"),
        ({"data": {"imgs": 5}}, "data is {'imgs': 5}; it must be texts by name"),
        ({"dataset": 5}, "dataset is 5; it must be a text"),
        ({"trials": "many"}, "'<=' not supported"),
        ({"trials": 2.5}, "trials is 2.5; it must be an integer"),
        ({"board": {"name": "mine"}}, "board of the study: the field"),
        ({"board": "pynq-z9"}, "There is no board 'pynq-z9'"),
        ({"kernel": "new"}, "'new' is not a valid Kernel"),
        ({"added_later": 1}, "added_later"),
        ({"version": 3}, "written by another version of Foldline, in form 3; this one reads form 2"),
        ({"version": None}, "in form None"),
    ],
)
def test_settings_of_another_version_or_damaged_ones_are_one_sentence(begun, changes, reason):
    with closing(sqlite3.connect(begun)) as connection:
        ((text,),) = connection.execute("SELECT value_json FROM study_user_attributes")
    set_settings(begun, json.dumps({**json.loads(json.loads(text)), **changes}))
    for command in (read, partial(settings_before, NAME)):
        with pytest.raises(FileError) as caught:
            command(str(begun))
        assert str(caught.value).startswith("The study 'tiny' ")
        assert reason in str(caught.value)


@pytest.mark.parametrize("text", [5, [], {}, "", "null", "[1]", "[" * 100_000, "x"])
def test_settings_that_are_none_are_one_sentence(begun, text):
    set_settings(begun, text)
    with pytest.raises(
        FileError, match=r"^(The study 'tiny' is not one of Foldline, or damaged|the settings of 'tiny'): "
    ):
        read(begun)


@pytest.mark.parametrize("changes", [{"hidden": (4,)}, {"weight": (2, 3)}, {"bias": (6,)}])
def test_a_worker_with_another_space_is_refused(begun, changes):
    ((name, _),) = changes.items()
    with pytest.raises(ConfigError, match=rf"^{name} is .*, and the study 'tiny' has "):
        join(begun, **changes)


def test_a_study_of_another_program_with_trials_is_refused_at_once(begun, monkeypatch):
    """Only one without trials may be one that another worker is about to begin."""
    monkeypatch.setattr(joining.time, "sleep", lambda seconds: pytest.fail("it waits"))
    join(begun).add_trial(foreign({"x": 0.5}))
    change(begun, "DELETE FROM study_user_attributes")
    with pytest.raises(ConfigError, match=r"^The study 'tiny' is not one of Foldline: it has no settings\.$"):
        settings_before(NAME, str(begun))


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("DELETE FROM study_directions WHERE objective = 1", "minimize"),
        ("UPDATE study_directions SET direction = 'MAXIMIZE' WHERE objective = 1", "minimize and maximize"),
    ],
)
def test_a_study_with_other_objectives_is_refused(begun, statement, shown):
    change(begun, statement)
    message = rf"The study 'tiny' is not one of Foldline: it has to {shown}\.$"
    for command in (read, join):
        with pytest.raises(FileError, match=message):
            command(begun)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trial_params SET distribution_json = '{}'",
        "UPDATE trial_params SET param_value = 'x'",
        "UPDATE trials SET state = 'NEW'",
        "UPDATE study_directions SET direction = 'SIDEWAYS'",
        "UPDATE trial_user_attributes SET value_json = '{'",
        "UPDATE trials SET datetime_start = 'yesterday'",
        "UPDATE alembic_version SET version_num = 'v99'",
        "DROP TABLE trial_values",
    ],
)
def test_rows_that_optuna_cannot_read_are_one_sentence(worked, statement):
    change(worked, statement)
    for command in (lambda: read(worked), lambda: work(join(worked, trials=2), at_once)):
        with pytest.raises((FileError, ConfigError)) as caught, reaching(str(worked)):
            command()
        assert "\n" not in str(caught.value)


def test_a_name_that_is_no_text_is_no_study(begun):
    change(begun, "UPDATE studies SET study_name = x'fffe'")
    with pytest.raises(FileError, match=r"^The study 'tiny' is damaged: TypeError: "):
        read(begun)


# Databases that cannot be used -----------------------------------------------------------------------------------------


def test_a_database_that_another_process_has_locked_is_one_sentence(begun, monkeypatch):
    monkeypatch.setattr(storage_module, "SQLITE_TIMEOUT_SECONDS", 0.01)
    study = join(begun, trials=2)
    with closing(sqlite3.connect(begun, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(FileError, match=r"study\.db: database is locked\.$"):
            read(begun)
        with pytest.raises(FileError, match=r"study\.db: database is locked\.$"):
            settings_before(NAME, str(begun))
        with (
            pytest.raises(FileError, match=r"study\.db fails: database is locked\.$"),
            reaching(f"sqlite:///{begun}"),
        ):
            work(study, at_once)
    monkeypatch.undo()  # on a busy machine the heartbeat's thread may hold the database for longer
    work(join(begun, trials=2), at_once)
    assert len(read(begun).finished) == 2


def test_a_database_that_cannot_be_written_is_shown_and_not_worked_on(worked, monkeypatch):
    """Root may write to any file: what SQLite says of one that it may not, by a connection that reads only."""
    connect = sqlite3.connect

    def read_only(path, **options):
        options.pop("uri", None)
        return connect(f"file:{worked}?mode=ro", uri=True, **options)

    monkeypatch.setattr(storage_module.sqlite3, "connect", read_only)
    assert len(read(worked).finished) == 1
    message = r"study\.db(: | fails: )attempt to write a readonly database\.$"
    with pytest.raises(FileError, match=message), reaching(f"sqlite:///{worked}"):
        work(join(worked, trials=2), at_once)


@pytest.mark.parametrize("length", [0.3, 0.7])
def test_a_database_that_is_cut_off_is_one_sentence(worked, length):
    content = worked.read_bytes()
    worked.write_bytes(content[: int(length * len(content))])
    for command in (lambda: read(worked), lambda: work(join(worked, trials=3), at_once)):
        with pytest.raises(FileError, match=r"study\.db") as caught, reaching(f"sqlite:///{worked}"):
            command()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgresql://h:port/x", "://", "http://example.invalid/x", "mysql://h/x", "oracle://"]
)
def test_a_url_that_is_wrong_is_one_sentence(url):
    with pytest.raises((ConfigError, FileError)) as caught:
        open_storage(url, HEARTBEAT)
    assert "storage" in str(caught.value) and "\n" not in str(caught.value)


def test_a_space_that_is_smaller_than_the_trials_is_named(worked, monkeypatch):
    monkeypatch.setattr(trials, "WAIT_SECONDS", 1e-3)
    work(join(worked, trials=50), at_once)
    counts = list(study_report(read(worked), max_cer=None, complete=False))[1]
    assert counts.startswith("8 of 8 trials finished (8 complete).")
    assert counts.endswith(" 50 trials are wanted, and the space has 8 networks.")
    work(join(worked, trials=50), lambda request: pytest.fail("the trial must not run"))
