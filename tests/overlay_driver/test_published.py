"""The published networks on real lines, through the driver on the virtual board: all labels equal the simulator's."""

import numpy as np
import pytest

from datapath.errors import FoldlineError
from datapath.images import quantize_pixels
from fixedpoint_sim import simulate_lines
from foldline.hardware.board import open_driver
from tests.golden_data import PUBLISHED, lines, published_network
from tests.overlay_driver.bit_files import write_bit_file
from tests.overlay_driver.boards import driver_of
from train.data.dataset import read_dataset


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_validation_lines_within_the_limits(shared_data, tmp_path, name):
    design = published_network(shared_data, name)
    bits = design.precision.activation
    validation = read_dataset(shared_data / "uw3-500").validation
    columns = [quantize_pixels(line.pixels(design.inputs), bits) for line in validation]
    traces = list(simulate_lines(design, columns, ignore_limits=True))
    within = [number for number, trace in enumerate(traces) if not trace.exceeded]
    bitstream = write_bit_file(tmp_path / f"plain-{name}-pynq.bit")
    with open_driver(design, bitstream=bitstream) as driver:
        readings = list(driver.read_lines(columns[number] for number in within))
    assert len(within) > 70
    for number, reading in zip(within, readings, strict=True):
        assert not isinstance(reading, FoldlineError), reading
        np.testing.assert_array_equal(reading.labels, traces[number].labels)
        assert reading.text == traces[number].text
    assert driver.board.device.memory.stray == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_vectors_of_the_real_hls_source(shared_data, name):
    """Labels of the published C++, read through registers and DMA."""
    design = published_network(shared_data, name)
    compared = 0
    with driver_of(design) as driver:
        for line in lines(shared_data / "golden" / f"published_{name}.npz"):
            if (
                len(line.pixels) > design.limits.columns
                or len(line.pixels) % 2
                or len(line.labels) >= design.limits.labels
            ):
                continue
            np.testing.assert_array_equal(driver.read_columns(line.pixels).labels, line.labels)
            compared += 1
    assert compared > 0
