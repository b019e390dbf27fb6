"""Random changes of a line's grey columns."""

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datapath.errors import ConfigError, DataError
from train.data.augmentation import MOST_WORN, Augmentation, augment, line_generator

HEIGHT = 32
EVERYTHING = Augmentation(stretch=0.12, jitter=0.1, shift=2, scale=0.06, slant=0.12, thickness=0.5, noise=8)
ONE_BY_ONE = [{"stretch": 0.12}, {"jitter": 0.1}, {"shift": 2}, {"scale": 0.06}, {"slant": 0.12}, {"thickness": 1}]
AUGMENTATIONS = st.builds(
    Augmentation,
    stretch=st.floats(0, 0.5),
    jitter=st.floats(0, 0.5),
    shift=st.integers(0, 16),
    scale=st.floats(0, 0.5),
    slant=st.floats(0, 1),
    thickness=st.floats(0, 1),
    noise=st.floats(0, 128),
)


def background(columns: int) -> np.ndarray:
    return np.zeros((columns, HEIGHT), dtype=np.uint8)


def strokes(columns: int) -> np.ndarray:
    """Upright strokes, 3 columns wide and 8 apart, with 4 rows and columns of background around them."""
    line = background(columns)
    for left in range(4, columns - 6, 8):
        line[left : left + 3, 4:-4] = 255
    return line


def changed(line: np.ndarray, seed: int = 0, *, least_columns: int = 0, **most: float) -> np.ndarray:
    return augment(line, Augmentation(**most), line_generator(seed, 0, 0), least_columns=least_columns)


# What is drawn ------------------------------------------------------------------------------------------------------


def test_seed_epoch_and_line_decide_every_pixel():
    line = strokes(200)

    def drawn(*place: int) -> bytes:
        return augment(line, EVERYTHING, line_generator(*place), least_columns=20).tobytes()

    assert drawn(1, 2, 3) == drawn(1, 2, 3)
    places = [(seed, epoch, index) for seed in (1, 2, 2**32 - 1) for epoch in (0, 1) for index in (0, 1, 2)]
    assert len({drawn(*place) for place in places}) == len(places)


@given(place=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 999_999), st.integers(0, 999_999)))
def test_generators_of_swapped_places_differ(place):
    seed, epoch, index = place
    if epoch != index:
        assert line_generator(seed, epoch, index).random() != line_generator(seed, index, epoch).random()


def test_the_line_itself_is_never_written_to():
    line = strokes(200)
    before = line.copy()
    line.flags.writeable = False
    augment(line, EVERYTHING, line_generator(0, 0, 0), least_columns=20)
    assert np.array_equal(line, before)


def test_off_gives_the_line_itself():
    line = strokes(200)
    assert not Augmentation().enabled
    assert augment(line, Augmentation(), line_generator(0, 0, 0), least_columns=300) is line


@pytest.mark.parametrize("most", [*ONE_BY_ONE, {"noise": 8.0}], ids=lambda most: next(iter(most)))
def test_each_change_alone_changes_a_line(most):
    line = strokes(200)
    assert Augmentation(**most).enabled
    assert any(not np.array_equal(changed(line, seed, **most), line) for seed in range(4))


@given(
    columns=st.integers(1, 300),
    augmentation=AUGMENTATIONS,
    least_columns=st.integers(0, 400),
    seed=st.integers(0, 2**32 - 1),
)
@example(columns=2, augmentation=Augmentation(scale=0.5), least_columns=0, seed=0)
def test_any_change_of_any_line_gives_grey_columns_of_a_width_in_range(columns, augmentation, least_columns, seed):
    line = np.random.default_rng(seed).integers(0, 256, (columns, HEIGHT), dtype=np.uint8)
    made = augment(line, augmentation, line_generator(seed, 0, 0), least_columns=least_columns)
    assert made.dtype == np.uint8
    assert made.flags.c_contiguous
    assert made.shape[1] == HEIGHT
    if not augmentation.stretch:
        assert len(made) == columns
        return
    assert len(made) % 2 == 0
    assert len(made) >= max(2, min(least_columns, columns))
    assert (1 - augmentation.stretch) * columns - 1 <= len(made) <= max(2, (1 + augmentation.stretch) * columns + 1)


# Changes of place ---------------------------------------------------------------------------------------------------


def test_stretching_uses_the_whole_range_of_widths():
    widths = [len(changed(strokes(400), seed, stretch=0.1)) for seed in range(100)]
    assert min(widths) < 370
    assert max(widths) > 430
    assert set(widths) <= set(range(360, 441, 2))


def test_stretching_moves_ink_to_neither_side():
    line = strokes(203)
    assert np.array_equal(line, line[::-1])
    for seed in range(20):
        made = changed(line, seed, stretch=0.3).astype(int)
        # Places are floating point: a grey value may be rounded one way on the left and the other on the right.
        assert np.abs(made - made[::-1]).max() <= 1


def test_a_line_shrinks_only_to_the_columns_that_it_needs():
    widths = [len(changed(strokes(400), seed, stretch=0.2, least_columns=385)) for seed in range(50)]
    assert min(widths) == 386
    assert max(widths) > 440


def test_a_line_with_too_few_columns_does_not_shrink():
    assert min(len(changed(strokes(40), seed, stretch=0.2, least_columns=99)) for seed in range(20)) == 40


@given(seed=st.integers(0, 2**32 - 1))
def test_stretching_keeps_the_order_of_what_is_on_the_line(seed):
    line = background(240)
    greys = np.arange(60, 250, 20)
    for place, grey in enumerate(greys):
        line[10 + 23 * place : 20 + 23 * place] = grey
    made = changed(line, seed, stretch=0.3, jitter=0.4)[:, 5].astype(int)
    # The middle of each bar is flat: its grey survives the interpolation.
    first = [np.flatnonzero(np.abs(made - grey) <= 1)[0] for grey in greys]
    assert first == sorted(first)
    inked = made > 30
    assert np.count_nonzero(inked[1:] & ~inked[:-1]) == len(greys)


def test_jitter_moves_the_middle_and_not_the_ends():
    line = strokes(400)
    made = [changed(line, seed, jitter=0.2) for seed in range(20)]
    middles = {one[100:300].tobytes() for one in made}
    assert len(middles) == 20
    for one in made:
        assert one.shape == line.shape
        assert one[3:8].any()
        assert not one[:2].any()
        assert not one[-2:].any()


def test_a_shift_moves_ink_by_whole_rows_and_fills_with_paper():
    line = background(40)
    line[5:30, 10:14] = 200
    shifts = set()
    for seed in range(100):
        made = changed(line, seed, shift=3)
        down = int(np.flatnonzero(made[10])[0]) - 10
        shifts.add(down)
        expected = background(40)
        expected[5:30, 10 + down : 14 + down] = 200
        assert np.array_equal(made, expected)
    assert shifts == set(range(-3, 4))


def test_scaling_changes_the_height_about_the_middle():
    line = background(40)
    line[:, 8:24] = 255
    heights = []
    for seed in range(50):
        made = changed(line, seed, scale=0.25)
        assert np.array_equal(made, made[:, ::-1])
        heights.append(made[5].sum() / 255)
    assert 12 <= min(heights) < 13.5 < 18.5 < max(heights) <= 20.5


def test_slant_leans_to_either_side_and_keeps_the_middle():
    line = background(60)
    line[28:32] = 255
    leans = []
    for seed in range(50):
        made = changed(line, seed, slant=0.2).astype(float)
        centres = (np.arange(60) @ made) / made.sum(axis=0)
        assert centres[15:17].mean() == pytest.approx(29.5, abs=0.02)
        leans.append(centres[0] - centres[-1])
    assert min(leans) < -4
    assert max(leans) > 4
    assert max(map(abs, leans)) <= 0.2 * 31 + 0.02


@pytest.mark.parametrize("edge", [np.s_[:, :3], np.s_[:, -3:], np.s_[:3], np.s_[-3:]], ids=["top", "bottom", "l", "r"])
@given(seed=st.integers(0, 2**32 - 1))
def test_ink_at_one_edge_never_appears_at_the_other(edge, seed):
    line = background(60)
    line[edge] = 255
    most = {"stretch": 0.2, "jitter": 0.3, "shift": 8, "scale": 0.2, "thickness": 1}
    made = changed(line, seed, **most, slant=0.0 if line[30].any() else 0.3)
    inked = np.argwhere(made)
    if len(inked):
        reach = inked.max(axis=0) - inked.min(axis=0) + 1
        assert reach[1 if line[30].any() else 0] <= 20


# Strokes and noise --------------------------------------------------------------------------------------------------


def test_strokes_become_thicker_and_thinner():
    line = strokes(200)
    ink = np.array([changed(line, seed, thickness=1).sum() / line.sum() for seed in range(100)])
    assert 30 < np.count_nonzero(ink > 1) < 70
    assert 30 < np.count_nonzero(ink < 1) < 70
    assert 0.6 < ink.min() < 0.85
    assert 1.2 < ink.max() < 1.5


def test_thickness_is_the_share_of_lines_that_change():
    line = strokes(200)
    same = sum(np.array_equal(changed(line, seed, thickness=0.3), line) for seed in range(300))
    assert 180 < same < 240


def test_the_thinnest_stroke_survives():
    line = background(40)
    line[20, 4:-4] = 255
    assert min(changed(line, seed, thickness=1)[20, 16] for seed in range(100)) >= (1 - MOST_WORN) * 255 - 1


def test_thickness_changes_nothing_far_from_an_outline():
    line = background(40)
    line[10:30, :] = 255
    for seed in range(20):
        made = changed(line, seed, thickness=1)
        assert (made[12:28] == 255).all()
        assert not made[:8].any()


def test_noise_has_no_bias_and_an_amplitude_of_its_own_on_every_line():
    line = np.full((400, HEIGHT), 128, dtype=np.uint8)
    made = np.array([changed(line, seed, noise=10.0) for seed in range(60)], dtype=float)
    # 12800 pixels of standard deviation 10 at most have a mean within 0.09, five times over 0.45.
    assert np.abs(made.mean(axis=(1, 2)) - 128).max() < 0.45
    deviations = made.std(axis=(1, 2))
    assert deviations.max() <= 10.5
    assert deviations.min() < 2
    assert 4 < deviations.mean() < 6


def test_noise_saturates_at_paper_and_ink():
    line = strokes(200)
    made = changed(line, 3, noise=60.0)
    assert made[line == 0].max() < 255
    assert np.count_nonzero(made[line == 0] == 0) > 0.4 * np.count_nonzero(line == 0)
    assert np.count_nonzero(made[line == 255] == 255) > 0.4 * np.count_nonzero(line == 255)


# Errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("stretch", 0.51, "0 to 0.5"),
        ("jitter", -0.1, "0 to 0.5"),
        ("shift", 17, "0 to 16"),
        ("shift", 1.0, "integer"),
        ("shift", True, "integer"),
        ("scale", float("nan"), "finite"),
        ("slant", "much", "number"),
        ("thickness", 2, "0 to 1"),
        ("noise", float("inf"), "finite"),
        pytest.param("noise", 10**5000, "finite", id="huge"),
        ("noise", None, "number"),
    ],
)
def test_a_change_outside_its_range_is_named(field, value, allowed):
    with pytest.raises(ConfigError, match=rf"^{field} is .*; .*{allowed}"):
        Augmentation(**{field: value})


def test_whole_numbers_are_taken_for_numbers():
    assert Augmentation(noise=8) == Augmentation(noise=8.0)
    assert type(Augmentation(noise=8).noise) is float


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        (np.zeros((4, 32)), "float64 [4, 32]"),
        (np.zeros(4, np.uint8), "uint8 [4]"),
        (np.zeros((0, 32), np.uint8), "uint8 [0, 32]"),
    ],
    ids=["floats", "one_dimension", "no_columns"],
)
def test_only_grey_columns_are_taken(pixels, found):
    with pytest.raises(DataError, match=f"^{re.escape(f'pixels are {found}; they must be uint8 [T, I], not empty.')}$"):
        augment(pixels, EVERYTHING, line_generator(0, 0, 0), least_columns=1)
