"""The small network and its line that most tests of the driver use.

Their imports stand in the fixtures: this file is read where pynq cannot be imported, too, and the tests are skipped.
"""

import pytest


@pytest.fixture
def design():
    from tests.overlay_driver.boards import small_design

    return small_design()


@pytest.fixture
def line(design):
    from tests.overlay_driver.boards import line_with_labels

    return line_with_labels(design, 40, more_than=3)
