"""The small network and the line that most tests of the driver use.

The fixtures import what they need: this file is also loaded without pynq, where the tests are skipped.
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
