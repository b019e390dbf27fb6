"""What is read of a built project, and what is refused."""

import json
from dataclasses import asdict

import pytest

from datapath.errors import DesignError, FileError
from datapath.manifest import Kernel
from datapath.resources import Resources
from datapath.vivado.built_project import read_project
from datapath.vivado.project import design_digest
from datapath.vivado.results import HlsLoop, read_hls_results, read_results
from tests.datapath.vivado.built import CORE, hls_results_of, results_of, write_built, write_json
from tests.datapath.vivado.projects import KERNELS, make_project
from tests.designs import random_design
from tests.vendor_tools import needs_tclsh, run_script

pytestmark = pytest.mark.no_numpy2

DESIGN = random_design(26, bits=(8, 8, 4, 8, 8), inputs=8, hidden=4, classes=5)
OTHER = random_design(27, bits=(8, 8, 4, 8, 8), inputs=8, hidden=4, classes=5)


@pytest.fixture
def results(tmp_path):
    """A function that writes ``results.json`` with changes and reads it; a value of None removes a field."""
    return lambda **changes: read_results(written(tmp_path / "results.json", results_of(DESIGN) | changes))


@pytest.fixture
def hls_results(tmp_path):
    """The same of ``hls_results.json``."""
    return lambda **changes: read_hls_results(written(tmp_path / "hls.json", hls_results_of(DESIGN) | changes))


def written(path, values):
    write_json(path, {name: value for name, value in values.items() if value is not None})
    return path


def test_a_built_project_of_the_rtl_kernel_is_read(tmp_path):
    found = read_project(write_built(tmp_path / "my project", DESIGN))
    assert found.design == DESIGN
    assert found.name == "my project"
    assert (found.kernel, found.hls) == (Kernel.RTL, None)
    assert asdict(found.vivado) == {
        "kernel": Kernel.RTL,
        "design": design_digest(DESIGN),
        "board": "pynq-z2",
        "part": "xc7z020clg400-1",
        "vivado": "2022.2",
        "clock_mhz": 100.0,
        "period_ns": 10.0,
        "wns": 0.412,
        "whs": 0.02,
        "reachable_mhz": 104.2,
        "resources": {"luts": 26423, "ffs": 39703, "bram36": 119.5, "dsps": 180},
        "core": None,
        "power_w": 1.737,
    }


def test_a_built_project_of_the_hls_kernel_is_read_with_what_hls_reported(tmp_path):
    found = read_project(write_built(tmp_path, DESIGN, kernel="hls", hls={}, **CORE))
    assert found.vivado.core == Resources(luts=20000, ffs=30000, bram36=100.5, dsps=180)
    assert found.hls.loops == {
        "PASS": HlsLoop(ii=1, depth=31),
        "CLASSES": HlsLoop(ii=1, depth=44),
        "RUNS": HlsLoop(ii=1, depth=None),
    }
    assert found.hls.resources == Resources(luts=30000, ffs=35000, bram36=100.5, dsps=180)
    assert found.hls.budget_ns == pytest.approx(4.375)
    assert (found.hls.hls, found.hls.estimated_ns) == ("2022.2 (Build 3670227)", 4.302)


def test_a_depth_of_zero_is_one_that_is_not_known(hls_results):
    assert hls_results(loops={"PASS": {"ii": 2, "depth": 0}}).loops == {"PASS": HlsLoop(ii=2, depth=None)}


@pytest.mark.parametrize(
    ("wns", "whs", "reachable", "met"),
    [(0.0, 0.0, 100.0, True), (-0.4, 0.1, 96.1, False), (0.1, -0.001, 101.0, False)],
)
def test_negative_slack_is_read_and_is_not_met(results, wns, whs, reachable, met):
    assert results(wns=wns, whs=whs, reachable_mhz=reachable).is_met is met


@needs_tclsh
@pytest.mark.parametrize("kernel", KERNELS)
def test_what_the_script_writes_is_read(tmp_path, kernel):
    made = make_project(kernel, tmp_path / "project")
    assert run_script(made.folder, "build.tcl", tool="vivado").status == 0
    found = read_results(made.folder / "results.json")
    written = json.loads((made.folder / "results.json").read_text())
    assert (found.kernel.value, found.design, found.board) == (kernel, made.digest, "pynq-z1")
    for name in ("part", "vivado", "clock_mhz", "period_ns", "wns", "whs", "reachable_mhz", "power_w"):
        assert getattr(found, name) == written[name]
    assert asdict(found.resources) == {name: written[name] for name in ("luts", "ffs", "bram36", "dsps")}
    if kernel == "rtl":
        assert read_project(made.folder).vivado == found


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kernel": "published"}, ("kernel is 'published'", "'rtl' or 'hls'")),
        ({"design": "0123"}, ("design is '0123'", "16 hexadecimal digits")),
        ({"board": "a b"}, ("board is 'a b'", "1 to 64 letters")),
        ({"part": "xc7\x1b"}, (r"part is 'xc7\x1b'", "1 to 64 letters")),
        ({"vivado": ""}, ("vivado is ''", "1 to 64 letters")),
        ({"clock_mhz": 251}, ("clock_mhz is 251", "10 to 250")),
        ({"clock_mhz": True}, ("clock_mhz is True", "10 to 250")),
        ({"period_ns": 0}, ("period_ns is 0", "1 to 1000")),
        ({"period_ns": float("nan")}, ("period_ns is nan", "1 to 1000")),
        ({"wns": "0.4"}, ("wns is '0.4'", "-1000 to 1000")),
        ({"wns": 10}, ("wns is 10", "below period_ns, 10 ns")),
        ({"whs": float("-inf")}, ("whs is -inf", "-1000 to 1000")),
        ({"reachable_mhz": 10_001}, ("reachable_mhz is 10001", "0 to 10000")),
        ({"reachable_mhz": 104.1}, ("reachable_mhz is 104.1", "rounded down, 104.2")),
        ({"reachable_mhz": 104.4}, ("reachable_mhz is 104.4", "rounded down, 104.2")),
        ({"luts": 0}, ("luts is 0", "1 to 100000000")),
        ({"luts": 26423.0}, ("luts is 26423.0", "an integer of")),
        ({"ffs": 100_000_001}, ("ffs is 100000001", "1 to 100000000")),
        ({"dsps": True}, ("dsps is True", "an integer of")),
        ({"bram36": 3.25}, ("bram36 is 3.25", "a multiple of 0.5")),
        ({"bram36": -0.5}, ("bram36 is -0.5", "0 to 100000000")),
        ({"power_w": 1001}, ("power_w is 1001", "0 to 1000")),
        ({"power_w": True}, ("power_w is True", "0 to 1000")),
        ({"power_w": None}, ("the field 'power_w' is missing",)),
        ({"luts": None}, ("the field 'luts' is missing",)),
        ({"core_luts": 5}, ("the field 'core_ffs' is missing",)),
        (CORE | {"core_luts": 26424}, ("core_luts is 26424", "at most luts, 26423")),
        (CORE | {"core_bram36": 120.0}, ("core_bram36 is 120", "at most bram36, 119.5")),
        ({"lutz": 5}, ("there is no field 'lutz'", "luts")),
    ],
)
def test_an_error_names_field_value_and_range(results, changes, named):
    with pytest.raises(FileError) as caught:
        results(**changes)
    assert all(text in str(caught.value) for text in ("results.json: ", *named)), str(caught.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kernel": "rtl"}, ("kernel is 'rtl'", "'hls'")),
        ({"hls": "a\nb"}, (r"hls is 'a\nb'", "1 to 200 printable")),
        ({"period_ns": 0.0005}, ("period_ns is 0.0005", "0.001 to 1000")),
        ({"uncertainty_ns": 5.1}, ("uncertainty_ns is 5.1", "0 to 5")),
        ({"estimated_ns": -1}, ("estimated_ns is -1", "0 to 1000")),
        ({"bram18": 0.5}, ("bram18 is 0.5", "an integer of 0 to 200000000")),
        ({"loops": []}, ("loops is []", "an object of at most 256 loops")),
        ({"loops": {f"L{n}": {"ii": 1} for n in range(257)}}, ("loops is ", "at most 256 loops")),
        ({"loops": {"A B": {"ii": 1}}}, ("the label of a loop is 'A B'", "1 to 200 letters")),
        ({"loops": {"PASS": 1}}, ("loops.PASS is 1", "an object with ii and depth")),
        ({"loops": {"PASS": {"depth": 3}}}, ("loops.PASS is ", "an object with ii and depth")),
        ({"loops": {"PASS": {"ii": 1, "trip": 3}}}, ("loops.PASS is ", "an object with ii and depth")),
        ({"loops": {"PASS": {"ii": 0}}}, ("loops.PASS.ii is 0", "1 to 1000000")),
        ({"loops": {"PASS": {"ii": 1, "depth": -1}}}, ("loops.PASS.depth is -1", "0 to 1000000")),
        ({"loops": None}, ("the field 'loops' is missing",)),
    ],
)
def test_an_error_in_the_results_of_hls_names_field_value_and_range(hls_results, changes, named):
    with pytest.raises(FileError) as caught:
        hls_results(**changes)
    assert all(text in str(caught.value) for text in ("hls.json: ", *named)), str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "{}", '{"kernel": "rtl", "kernel": "hls"}'])
def test_what_is_not_an_object_with_the_fields_is_refused(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(FileError, match=r"results\.json"):
        read_results(tmp_path / "results.json")


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    (tmp_path / "results.json").write_text(" " * 65_537)
    with pytest.raises(FileError, match="65537 bytes; at most 65536"):
        read_results(tmp_path / "results.json")


# Folders ------------------------------------------------------------------------------------------------------------


def refused(folder, *named):
    with pytest.raises(FileError) as caught:
        read_project(folder)
    assert all(str(one) in str(caught.value) for one in named), str(caught.value)


def test_what_is_not_the_folder_of_a_built_project_is_refused(tmp_path):
    refused(tmp_path / "none", "none: it is not a folder")
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "file: it is not a folder")
    refused(tmp_path, "neither build.tcl nor results.json")
    (tmp_path / "build.tcl").touch()
    refused(tmp_path, "build the project first", "vivado -mode batch -source build.tcl")


def test_a_project_has_one_design_with_its_manifest(tmp_path):
    folder = write_built(tmp_path, DESIGN)
    OTHER.save(folder / "beside.npz")
    assert read_project(folder).design == DESIGN
    write_json(folder / "beside.json", {})
    refused(folder, "must have one design", "there are 2: 'beside', 'net'")
    for name in ("beside.json", "net.json"):
        (folder / name).unlink()
    refused(folder, "must have one design", "there is none")


def test_results_of_another_design_than_the_project_s_are_refused(tmp_path):
    folder = write_built(tmp_path, DESIGN)
    OTHER.save(folder / "net.npz")
    refused(folder, f"is of the design {design_digest(DESIGN)}", f"is the design {design_digest(OTHER)}")


@pytest.mark.parametrize(
    ("kernel", "changes", "named"),
    [
        ("rtl", {"kernel": "hls"}, "kernel is hls, and rtl in net.json"),
        ("hls", {"part": "xc7z010clg400-1"}, "part is xc7z010clg400-1, and xc7z020clg400-1 in net.json"),
        ("rtl", {"clock_mhz": 125}, "clock_mhz is 125, and 100 in net.json"),
    ],
)
def test_results_of_another_build_than_the_manifest_s_are_refused(tmp_path, kernel, changes, named):
    folder = write_built(tmp_path, DESIGN, kernel=kernel)
    write_json(folder / "results.json", results_of(DESIGN, kernel) | changes)
    refused(folder, "results.json", named, "Build it again")


def test_a_clock_with_more_digits_than_the_script_has_is_the_manifest_s(tmp_path):
    folder = write_built(tmp_path, DESIGN, clock_mhz=142.857, period_ns=7.0, wns=0.0, reachable_mhz=142.8)
    assert read_project(folder).vivado.clock_mhz == 142.857


def test_a_manifest_of_other_limits_is_refused(tmp_path):
    folder = write_built(tmp_path, DESIGN)
    values = json.loads((folder / "net.json").read_text())
    write_json(folder / "net.json", values | {"limits": {"columns": 100, "labels": 10}})
    with pytest.raises(DesignError, match="limits"):
        read_project(folder)


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"design": "0" * 16}, "design is '0000000000000000', and '"), ({"part": "xc7z010clg400-1"}, "part is ")],
)
def test_results_of_hls_of_another_build_are_refused(tmp_path, changes, named):
    folder = write_built(tmp_path, DESIGN, kernel="hls", hls=changes)
    refused(folder, "hls_results.json", named, "run run_hls.tcl and build.tcl again")


def test_a_project_that_was_exported_and_synthesised_again_is_to_be_built_again(tmp_path):
    """Its results of HLS are newer than those of Vivado; that the design is another one says more."""
    folder = write_built(tmp_path, DESIGN, kernel="hls", hls={"design": "0" * 16})
    write_json(folder / "results.json", results_of(DESIGN, "hls") | {"design": "1" * 16})
    refused(folder, "results.json is of the design 1111111111111111", "exported again after it was built")


def test_results_of_hls_beside_those_of_the_rtl_kernel_are_refused(tmp_path):
    refused(write_built(tmp_path, DESIGN, hls={}), "has hls_results.json", "of the kernel rtl")
