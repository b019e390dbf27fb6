"""The overlay's label rule on whole lines: against the plain-integer reference, against the simulator's kernels, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from datapath import Limits, overlay_labels
from datapath.errors import DataError
from fixedpoint_sim.simulator import emitted_columns
from tests.reference import reference_labels

# Few distinct scores, so that ties, columns without a positive score and equal neighbours are common.
SCORES = [-32768, -3, -1, 0, 1, 2, 3, 32767]
score_columns = hnp.arrays(np.int16, st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=st.sampled_from(SCORES))


def labels_of_the_kernels(scores: np.ndarray) -> list[int]:
    """What `fixedpoint_sim` emits, before any limit."""
    best, emitted = emitted_columns(scores)
    return best[emitted].tolist()


@given(scores=score_columns, limit=st.integers(1, 20))
def test_equal_to_the_reference_and_to_the_simulator(scores, limit):
    expected = reference_labels(scores.tolist(), limit=1000)
    assert overlay_labels(scores, limit=None).tolist() == expected
    assert labels_of_the_kernels(scores) == expected
    assert overlay_labels(scores, limit=limit).tolist() == expected[:limit]


@given(seed=st.integers(0, 2**32 - 1), length=st.integers(180, 801), blank=st.sampled_from([0.3, 0.5, 0.7]))
def test_equal_on_long_lines_of_many_labels(seed, length, blank):
    random = np.random.default_rng(seed)
    scores = random.integers(-40, 40, size=(length, 82)).astype(np.int16)
    scores[random.random(length) < blank, 0] = 50
    # About one column in eight has no winner, so that labels are carried over gaps.
    scores[random.random(length) < 0.125] -= 100
    expected = reference_labels(scores.tolist(), limit=1000)
    assert overlay_labels(scores, limit=None).tolist() == expected == labels_of_the_kernels(scores)
    assert overlay_labels(scores).tolist() == expected[:95]


@given(scores=hnp.arrays(np.float32, (7, 3), elements=st.sampled_from([-2.5, -0.0, 0.0, 0.25, 0.5, 0.75, 2.0**100])))
def test_floats_are_compared_not_rounded(scores):
    levels = [-2.5, 0.0, 0.25, 0.5, 0.75, 2.0**100]
    ranks = np.searchsorted(np.array(levels, dtype=np.float32), scores) - 1
    assert overlay_labels(scores).tolist() == reference_labels(ranks.tolist(), limit=1000)


def columns(*winners: tuple[int, float] | None) -> np.ndarray:
    """Scores [T, 4] in which each column's winner is (class, score), or there is none."""
    scores = np.zeros((len(winners), 4))
    for column, winner in zip(scores, winners, strict=True):
        if winner is not None:
            column[winner[0]] = winner[1]
    return scores


BLANK = (0, 1)


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        pytest.param(columns((1, 5), BLANK), [1], id="a letter and the blank that ends it"),
        pytest.param(columns(BLANK, (1, 5)), [], id="a run that reaches the last column emits nothing"),
        pytest.param(columns((1, 5), (1, 5), (1, 4), BLANK), [1], id="a run is one letter"),
        pytest.param(columns((1, 5), (2, 6), BLANK, BLANK), [2], id="of two letters without a blank the higher"),
        pytest.param(columns((1, 5), (2, 5), BLANK, BLANK), [1], id="of two equally high letters the first"),
        pytest.param(columns((1, 5), BLANK, (1, 5), BLANK), [1, 1], id="a blank parts equal letters"),
        pytest.param(columns((1, 0.5), (0, 9), (2, 0.5), (0, 9)), [1, 2], id="a blank's own score is not held"),
        pytest.param(columns(None, None, None, None), [], id="no winner anywhere is blank"),
        pytest.param(columns(None), [], id="one column"),
        # Arrival 2, 1, 3, 0: column 1 keeps the letter of column 2, so no blank ends column 0 before it is outbid.
        pytest.param(columns((1, 1), None, (3, 2), BLANK), [3], id="no winner keeps the running label"),
        # Column 3 keeps the blank of column 1, which arrived before it, not the letter of its neighbour 2.
        pytest.param(columns(BLANK, BLANK, (3, 2), None), [3], id="no winner keeps what arrived before, not beside"),
        # Column 3 keeps the letter of column 1: not a blank, so column 2's letter is never ended.
        pytest.param(columns(BLANK, (1, 1), (3, 2), None), [], id="no winner is not a blank"),
        # Column 0 keeps the letter of column 3, but its value is 0: it is not held, and column 1 emits nothing.
        pytest.param(columns(None, BLANK, (1, 2), (2, 1)), [], id="a kept label has value 0"),
        # Odd T, arrival 1, 2, 0: column 2 keeps the letter of the centre, which nothing ends.
        pytest.param(columns(BLANK, (1, 1), None), [], id="odd T: first the lone centre"),
        # Arrival 2, 3, 1, 4, 0: column 4 keeps the letter of column 1 and does not end the run of column 3.
        pytest.param(columns(BLANK, (1, 2), BLANK, (2, 2), None), [1], id="odd T: the right before its mirror"),
    ],
)
def test_by_hand(scores, labels):
    assert overlay_labels(scores).tolist() == labels
    assert reference_labels((4 * scores).astype(int).tolist(), limit=1000) == labels


def test_ties_within_a_column_go_to_the_lower_class():
    assert overlay_labels(np.array([[0, 2, 2], [2, 2, 1]])).tolist() == [1]


@pytest.mark.parametrize(("limit", "count"), [({}, Limits().labels), ({"limit": 3}, 3), ({"limit": None}, 100)])
def test_the_cut_is_the_published_buffer_unless_another_is_given(limit, count):
    labels = overlay_labels(columns(*[(1, 1), BLANK] * 100), **limit)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [1] * count


def test_class_255_is_a_label():
    scores = np.zeros((2, 256), dtype=np.int16)
    scores[0, 255] = scores[1, 0] = 1
    assert overlay_labels(scores).tolist() == [255]


def test_no_columns_give_no_labels():
    assert overlay_labels(np.zeros((0, 3))).tolist() == []


@pytest.mark.parametrize("shape", [(4,), (4, 0), (4, 257), (2, 4, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(DataError) as caught:
        overlay_labels(np.zeros(shape))
    assert str(caught.value) == f"The scores have shape {list(shape)}; it must be [T, C], C from 1 to 256."
