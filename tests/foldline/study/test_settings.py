"""The settings of a study, and the networks that it draws from."""

import json

import pytest

from datapath.boards import load_board
from datapath.errors import ConfigError, FileError
from foldline.study.joining import join_study, settings_before
from foldline.study.result import SETTINGS
from foldline.study.settings import (
    StudySettings,
    board_setting,
    check_study_name,
    first_settings,
    joined_settings,
)
from foldline.study.space import PUBLISHED, Choice, Space
from tests.foldline.study.studies import HEARTBEAT, NAME, PRESET, given, join, read

pytestmark = pytest.mark.no_numpy2


def test_the_default_space_holds_three_of_the_published_networks_and_w4a8():
    assert all(choice in Space() for choice in PUBLISHED)
    assert len(Space()) == len(list(Space())) == 3 * 3 * 1 * 2 * 3
    assert [choice.name for choice in PUBLISHED] == [
        f"QLSTM128_W{w}B8A{a}I8_FC_W8B8" for w, a in ((2, 2), (2, 4), (4, 4), (4, 8))
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weight": (1, 2)}, "weight has 1; allowed is 2 to 8."),
        ({"hidden": (0,)}, "hidden has 0; allowed is 1 to 1024."),
        ({"bias": ()}, "bias is []; it must be one or more numbers, each once."),
        ({"activation": (4, 4)}, "activation is [4, 4]; it must be one or more numbers, each once."),
    ],
)
def test_a_space_outside_its_ranges_is_refused(fields, message):
    with pytest.raises(ConfigError) as caught:
        Space(**fields)
    assert str(caught.value) == message


def test_a_choice_decides_the_widths_and_leaves_the_rest_of_the_preset():
    choice = Choice(weight=3, activation=2, bias=7, fc_weight=5, hidden=4)
    found = choice.hyperparameters(PRESET)
    assert str(found.experiment_name()) == choice.name == "QLSTM4_W3B7A2I8_FC_W5B8"
    assert found.lr == PRESET.lr
    assert str(choice.architecture(inputs=8, classes=5).experiment) == choice.name


def test_settings_are_stored(storage):
    settings = first_settings(given())
    join(storage)
    assert settings_before(NAME, str(storage)) == settings
    assert settings.hyperparameters.lr == PRESET.lr
    assert settings.clock_mhz == 100  # the board's


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"board": "kv260"}, "board is 'kv260', and the study 'tiny' has 'pynq-z2'."),
        ({"clock_mhz": 50.0}, "clock_mhz is 50, and the study 'tiny' has 100."),
        ({"kernel": "published"}, "kernel is 'published', and the study 'tiny' has 'rtl'."),
        (
            {"min_columns_per_second": 5.0},
            "min_columns_per_second is 5, and the study 'tiny' has 1000.",
        ),
        ({"weight": (2, 3)}, "weight is 2, 3, and the study 'tiny' has 2, 4."),
        ({"dataset": "other"}, "dataset is 'other', and the study 'tiny' has 'tiny'."),
        ({"lines": (11, 3, 5)}, "lines is 11, 3, 5, and the study 'tiny' has 10, 3, 5."),
        ({"trials": 3}, "trials is 3, and the study 'tiny' has 4; it can only be made longer."),
    ],
)
def test_a_worker_that_asks_for_something_else_is_refused_with_both_values(storage, changes, message):
    join(storage)
    with pytest.raises(ConfigError) as caught:
        join(storage, **changes)
    assert str(caught.value) == message


def test_lines_of_the_same_name_and_number_with_other_texts_are_refused(storage):
    join(storage, digest="ab")
    join(storage, digest="ab")
    with pytest.raises(ConfigError, match="The lines tiny have other names or texts than those that the study 'tiny'"):
        join(storage, digest="cd")


def test_a_study_of_an_earlier_version_knows_no_digest(storage):
    join(storage)
    join(storage, digest="ab")


def test_the_hyperparameter_that_differs_is_named(storage):
    join(storage)
    with pytest.raises(ConfigError) as caught:
        join(storage, preset={**given()["preset"], "lr": 0.5})
    assert str(caught.value) == "lr is 0.5, and the study 'tiny' has 0.02."


def test_a_worker_that_asks_for_nothing_takes_what_the_study_has(storage):
    before = join(storage).user_attrs
    assert join_study(NAME, str(storage), {}, HEARTBEAT)[0].user_attrs == before


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (
            "min_columns_per_second",
            "min_columns_per_second is missing: a new study needs --min-columns-per-second N.",
        ),
        ("preset", "preset is missing: a new study needs -p PRESET.json."),
    ],
)
def test_a_new_study_needs_a_rate_and_a_preset(storage, missing, message):
    asked = given()
    del asked[missing]
    with pytest.raises(ConfigError) as caught:
        join_study(NAME, str(storage), asked, HEARTBEAT)
    assert str(caught.value) == message
    assert not storage.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"board": "pynq-z3"}, "There is no board 'pynq-z3'; did you mean 'pynq-z2'?"),
        ({"min_columns_per_second": 0.0}, "min_columns_per_second is 0; it must be above 0 and below 1e12."),
        ({"prune_factor": 0.5}, "prune_factor is 0.5; it must be 1 to 1000."),
        ({"trials": 0}, "trials is 0; it must be 1 to 100000."),
        ({"columns": 0}, "columns is 0; it must be 1 to 732."),
        ({"clock_mhz": 1.0}, "clock_mhz is 1; it must be 10 to 250 MHz."),
    ],
)
def test_settings_outside_their_range_are_refused(changes, message):
    with pytest.raises(ConfigError) as caught:
        first_settings(given(**changes))
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["", ".", "../up", "a/b", "a\\b", "-x", "new\nline", "\udcff", "n" * 201])
def test_a_name_that_a_file_cannot_have_is_refused(name):
    with pytest.raises(ConfigError) as caught:
        check_study_name(name)
    assert str(caught.value) == (
        f"study is {name!r}; a name has 1 to 200 bytes, begins with a letter or a digit, and holds neither slashes nor "
        "characters that cannot be printed."
    )


def test_a_name_may_hold_spaces_and_letters_of_any_script():
    for name in ("n" * 200, "two words", "2nd_\u00e9\u00fc-\u4e8c", "a?b%41"):
        check_study_name(name)


def test_a_study_of_version_0_1_is_refused(storage):
    study = join(storage)
    study.set_user_attr(SETTINGS, study.user_attrs[SETTINGS].replace('"version": 2', '"version": 1'))
    with pytest.raises(FileError, match=r"'tiny' .* another version of Foldline, in form 1; this one reads form 2"):
        read(storage)


def test_a_study_holds_the_fields_of_a_user_s_own_board(tmp_path):
    """Other workers need no file, and one that has another board under the same name is refused."""
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(load_board("pynq-z2").to_dict() | {"name": "mine", "io_pll_mhz": 1600}))
    settings = first_settings(given(board=board_setting(str(path)), clock_mhz=123.077))
    assert settings.clock_mhz == 1600 / 13
    again = StudySettings.from_text(settings.as_text(), study="tiny")
    assert again == settings and again.on_board == load_board(path)
    assert joined_settings(again, {"board": board_setting(str(path)), "clock_mhz": 123.077}, study="tiny") == settings
    with pytest.raises(ConfigError, match=r"board is 'pynq-z2', and the study 'tiny' has 'mine', a board of a file\."):
        joined_settings(again, {"board": board_setting("pynq-z2")}, study="tiny")


def test_a_clock_that_the_board_of_a_new_study_cannot_make_is_refused():
    with pytest.raises(ConfigError, match=r"The nearest clocks are 166\.667 and 200 MHz\."):
        first_settings(given(clock_mhz=175))
