"""``run_hls.tcl`` under tclsh, with stubs of the HLS tools of three generations."""

import re

import pytest

from datapath.boards import load_board
from datapath.vivado.results import HLS_RESULTS, read_hls_results
from hls_gen.project_scripts import LONGEST_PATH, NAME_LENGTH
from tests.hls_gen.project import BOARDS, FORMS, SAMPLES, example_facts, write_project
from tests.vendor_tools import REGISTER_HEADER, needs_tclsh, run_script

HLS_TOOLS = tuple(FORMS)
RELEASES = {"vivado_hls": "2019.2", "vitis_hls": "2022.2", "vitis-run": "2024.2"}


@pytest.fixture
def project(tmp_path):
    """A function that writes the project of a board, and returns its folder."""
    return lambda board="pynq-z1": write_project(tmp_path / "project", example_facts(board), core=False)


@needs_tclsh
@pytest.mark.parametrize("tool", HLS_TOOLS)
@pytest.mark.parametrize("board", BOARDS)
def test_hls_runs_from_end_to_end(project, board, tool):
    folder = project(board)
    facts = example_facts(board)
    run = run_script(
        folder, "run_hls.tcl", tool=tool, arguments=("-f", "run_hls.tcl"), STUB_CSYNTH=str(SAMPLES / FORMS[tool])
    )
    if (board, tool) == ("kv260", "vivado_hls"):
        assert run.status == 1
        assert run.errors.endswith(
            "; xck26-sfvc784-2LV-c needs release 2020.2.2 or later, with this family of parts installed.\n"
        )
        assert run.commands[-1][0] == "set_part"
        return
    assert (run.status, run.errors) == (0, "")
    assert run.named("set_top") == [["topLevel_BLSTM_CTC"]]
    assert run.named("set_part") == [[facts.board.part]]
    assert run.named("create_clock") == [["-period", facts.hls_period_ns, "-name", "default"]]
    assert run.named("set_clock_uncertainty") == [["12.5%"]]
    assert ["-m_axi_addr64"] in run.named("config_interface")
    assert ["-name_max_length", "80"] in run.named("config_compile")
    flags = f"-std=c++11 -I{folder}/src"
    assert run.named("add_files") == [
        *([path, "-cflags", flags] for path in (*facts.sources, *facts.headers)),
        *(["-tb", path, "-cflags", f"{flags} -Wno-unknown-pragmas"] for path in facts.testbench),
        ["-tb", facts.vectors],
    ]
    assert run.named("csim_design") == [["-argv", f"{folder}/tb/vectors.txt"]]
    assert len(run.named("csynth_design")) == 1
    assert run.named("cosim_design") == []
    assert run.named("export_design") == [
        ["-format", "ip_catalog", "-rtl", "verilog", "-vendor", "xilinx.com", "-library", "hls", "-version", "1.0"]
    ]
    assert "INFO: the register map is the driver's: {0x10 0x18 0x20 0x28 0x34}." in run.output
    assert (folder / "hls/solution1/impl/ip/component.xml").exists()
    results = read_hls_results(folder / HLS_RESULTS)
    assert (results.board, results.part, results.hls) == (board, facts.board.part, RELEASES[tool])
    assert results.period_ns == float(facts.hls_period_ns)
    assert {loop.ii for loop in results.loops.values()} == {1} and len(results.loops) == len(facts.pipelines)


@needs_tclsh
def test_every_file_of_the_project_is_listed_in_the_hls_script(project):
    folder = project()
    run = run_script(folder, "run_hls.tcl", tool="vitis_hls")
    added = {
        words[-1] if words[0] == "-tb" and len(words) == 2 else words[words[0] == "-tb"]
        for words in run.named("add_files")
    }
    assert added == {str(path.relative_to(folder)) for part in ("src", "tb") for path in (folder / part).iterdir()}


@needs_tclsh
def test_each_hls_tool_gets_its_options(project):
    folder = project()
    vitis = run_script(folder, "run_hls.tcl", tool="vitis_hls")
    assert vitis.named("open_solution") == [["-reset", "-flow_target", "vivado", "solution1"]]
    assert "its default is used" not in vitis.output
    vivado = run_script(folder, "run_hls.tcl", tool="vivado_hls")
    assert vivado.named("open_solution")[-1] == ["-reset", "solution1"]
    assert re.findall("INFO: '(.*)' is not a setting of this tool; its default is used", vivado.output) == [
        "config_compile -pipeline_loops 0",
        "config_interface -m_axi_max_widen_bitwidth 0",
    ]
    later = run_script(folder, "run_hls.tcl", tool="vitis_hls", STUB_BARE="0")
    assert later.status == 0
    assert ["-m_axi_addr64=true"] in later.named("config_interface")


@needs_tclsh
def test_the_address_width_is_not_an_optional_setting(project):
    run = run_script(project(), "run_hls.tcl", tool="vivado_hls", STUB_FAIL="config_interface")
    assert run.status == 1
    assert run.errors == "ERROR: config_interface was made to fail\n"


@needs_tclsh
@pytest.mark.parametrize(
    ("arguments", "environment", "steps"),
    [
        ((), {}, {"csim", "csynth", "export"}),
        (("cosim=1", "csim=0"), {}, {"csynth", "cosim", "export"}),
        ((), {"FOLDLINE_EXPORT": "0", "FOLDLINE_CSYNTH": "0"}, {"csim"}),
        (("export=0",), {"FOLDLINE_COSIM": "1"}, {"csim", "csynth", "cosim"}),
        (("csim=1",), {"FOLDLINE_CSIM": "0", "FOLDLINE_COSIM": "1"}, {"csim", "csynth", "cosim", "export"}),
    ],
)
def test_steps_are_switched_by_environment_and_arguments(project, arguments, environment, steps):
    run = run_script(project(), "run_hls.tcl", tool="vitis_hls", arguments=arguments, **environment)
    assert run.status == 0
    assert {name.removesuffix("_design") for name in run.names() if name.endswith("_design")} == steps


@needs_tclsh
@pytest.mark.parametrize(
    ("changes", "arguments", "environment", "period"),
    [
        ({}, (), {}, "5.000"),
        ({"hls_period": 6.25}, (), {}, "6.250"),
        ({}, (), {"FOLDLINE_HLS_PERIOD": "7.5"}, "7.500"),
        ({}, ("period=8",), {"FOLDLINE_HLS_PERIOD": "7.5"}, "8.000"),
        ({}, (), {"FOLDLINE_HLS_PERIOD": "10"}, "10.000"),
    ],
)
def test_hls_schedules_for_the_exported_period_or_that_of_environment_or_argument(
    tmp_path, changes, arguments, environment, period
):
    folder = write_project(tmp_path / "project", example_facts(**changes))
    run = run_script(folder, "run_hls.tcl", tool="vitis_hls", arguments=arguments, **environment)
    assert (run.status, run.errors) == (0, "")
    assert run.named("create_clock") == [["-period", period, "-name", "default"]]
    results = read_hls_results(folder / HLS_RESULTS)
    assert (results.period_ns, results.uncertainty_ns) == (float(period), float(period) / 8)


@needs_tclsh
def test_vitis_run_takes_the_environment_and_has_no_arguments(project):
    run = run_script(
        project(), "run_hls.tcl", tool="vitis-run", arguments=("csim=0", "csym=1"), FOLDLINE_HLS_PERIOD="4.4"
    )
    assert (run.status, run.errors) == (0, "")
    assert len(run.named("csim_design")) == 1
    assert run.named("create_clock") == [["-period", "4.400", "-name", "default"]]


@needs_tclsh
def test_a_part_that_the_tool_does_not_have_is_named_with_its_first_release(project):
    run = run_script(project("kv260"), "run_hls.tcl", tool="vitis_hls", STUB_FAIL="set_part")
    part = load_board("kv260").part
    assert (run.status, run.errors) == (
        1,
        f"ERROR: set_part failed (set_part was made to fail); {part} needs release 2020.2.2 or later, with this family of "
        "parts installed.\n",
    )
    assert not run.named("csim_design")


def test_the_longest_path_has_room_for_a_function_of_the_longest_name():
    """As in a public project: TOP_FUNCTION_ARRAY_ROM_AUTO_1R.dat in the core's folder of Verilog."""
    name = "x" * NAME_LENGTH
    path = f"hls/solution1/impl/ip/hdl/verilog/topLevel_BLSTM_CTC_{name}_recurrent_weights_127_ROM_AUTO_1R.dat"
    assert len(path) == LONGEST_PATH
    assert len(f"hls/solution1/.autopilot/db/{name}.verbose.sched.rpt.xml") < LONGEST_PATH < 180


@needs_tclsh
def test_only_a_synthesis_discards_the_earlier_one(project):
    folder = project()
    assert run_script(folder, "run_hls.tcl", tool="vitis_hls").status == 0
    run = run_script(folder, "run_hls.tcl", tool="vitis_hls", FOLDLINE_CSYNTH="0")
    assert (run.status, run.errors) == (0, "")
    assert run.named("open_project") == [["hls"]]
    assert run.named("open_solution") == [["-flow_target", "vivado", "solution1"]]


@needs_tclsh
@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (
            ("csym=1",),
            {},
            "There is no setting 'csym'; known are csim, csynth, cosim, export, period, accept.",
        ),
        (("csim=yes",), {}, "csim is 'yes'; it must be 0 or 1."),
        ((), {"FOLDLINE_COSIM": "on"}, "FOLDLINE_COSIM is 'on'; it must be 0 or 1."),
        ((), {"FOLDLINE_ACCEPT": "yes"}, "FOLDLINE_ACCEPT is 'yes'; it must be 0 or 1."),
        *(
            (
                (),
                {"FOLDLINE_HLS_PERIOD": text},
                f"FOLDLINE_HLS_PERIOD is '{text}'; it must be a number of ns with at most three decimals, above 0 and at "
                "most 10.000, the period of the accelerator's clock.",
            )
            for text in ("10.001", "0", "0.000", "-5", "five", "", "5ns", "4.3751", "1e1", "nan", "08", "010", "007.5")
        ),
        (
            ("period=12",),
            {},
            "period is '12'; it must be a number of ns with at most three decimals, above 0 and at most 10.000, the "
            "period of the accelerator's clock.",
        ),
    ],
)
def test_a_wrong_setting_is_refused_before_any_tool_runs(project, arguments, environment, message):
    run = run_script(project(), "run_hls.tcl", tool="vitis_hls", arguments=arguments, **environment)
    assert (run.status, run.errors, run.commands) == (1, f"ERROR: {message}\n", [])


@needs_tclsh
@pytest.mark.parametrize("path", ["src/weights.hpp", "tb/vectors.txt", "src/top.cpp", "tb/test_bench.cpp"])
def test_a_missing_file_is_named_before_any_tool_runs(project, path):
    folder = project()
    (folder / path).unlink()
    run = run_script(folder, "run_hls.tcl", tool="vitis_hls")
    assert run.errors == f"ERROR: The project lacks {path}; it must lie beside run_hls.tcl as generated.\n"
    assert (run.status, run.commands) == (1, [])


@needs_tclsh
def test_a_folder_with_a_blank_is_refused(tmp_path):
    folder = write_project(tmp_path / "my project", example_facts())
    run = run_script(folder, "run_hls.tcl", tool="vitis_hls")
    assert (run.status, run.commands) == (1, [])
    assert run.errors.startswith(f"ERROR: The project's folder is '{folder}'; its path must be of ASCII letters, ")


@needs_tclsh
@pytest.mark.parametrize("tool", HLS_TOOLS)
@pytest.mark.parametrize(
    "command",
    [
        "open_project",
        "add_files",
        "open_solution",
        "create_clock",
        "csim_design",
        "csynth_design",
        "cosim_design",
    ],
)
def test_a_failing_hls_command_ends_the_script(project, tool, command):
    run = run_script(project(), "run_hls.tcl", tool=tool, STUB_FAIL=command, FOLDLINE_COSIM="1")
    assert (run.status, run.errors) == (1, f"ERROR: {command} was made to fail\n")
    assert run.commands[-1][0] == command


@needs_tclsh
def test_a_failing_export_names_the_patch(project):
    run = run_script(project(), "run_hls.tcl", tool="vivado_hls", STUB_FAIL="export_design")
    assert (run.status, run.errors) == (
        1,
        "ERROR: export_design failed (export_design was made to fail); releases up to 2021.2 need AMD's patch of article "
        "76960 since 2022.\n",
    )


@needs_tclsh
@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            REGISTER_HEADER.replace("0x34", "0x30"),
            "The arguments' registers are at {0x10 0x18 0x20 0x28 0x30} in HEADER; the driver needs {0x10 0x18 0x20 0x28 0x34}.",
        ),
        ("", "The arguments' registers are at {} in HEADER; the driver needs {0x10 0x18 0x20 0x28 0x34}."),
        (
            REGISTER_HEADER + "//        bit 4  - ap_continue (Read/Write/SC)\n",
            "The control register in HEADER has ap_continue; the driver needs the protocol ap_ctrl_hs.",
        ),
    ],
)
def test_another_register_map_is_an_error(project, header, message):
    folder = project()
    run = run_script(folder, "run_hls.tcl", tool="vivado_hls", STUB_HEADER=header)
    path = f"{folder}/hls/solution1/impl/ip/drivers/top_v1_0/src/xtop_hw.h"
    assert (run.status, run.errors) == (1, f"ERROR: {message.replace('HEADER', path)}\n")
