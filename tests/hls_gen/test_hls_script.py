"""``run_hls.tcl`` under tclsh, with stubs of Vitis HLS and Vivado HLS."""

import pytest

from tests.hls_gen.project import BOARDS, example_facts, write_project
from tests.vendor_tools import REGISTER_HEADER, needs_tclsh, run_script

HLS_TOOLS = ("vitis_hls", "vivado_hls")


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
    run = run_script(folder, "run_hls.tcl", tool=tool, arguments=("-f", "run_hls.tcl"))
    assert (run.status, run.errors) == (0, "")
    assert run.named("set_top") == [["topLevel_BLSTM_CTC"]]
    assert run.named("set_part") == [[facts.board.part]]
    assert run.named("create_clock") == [["-period", facts.hls_period_ns, "-name", "default"]]
    assert ["-m_axi_addr64"] in run.named("config_interface")
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
    assert vivado.output.count("is not a setting of this tool; its default is used") == 2
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
        (("csim=1",), {"FOLDLINE_CSIM": "0", "FOLDLINE_COSIM": "1"}, {"csim", "csynth", "cosim", "export"}),
    ],
)
def test_steps_are_switched_by_environment_and_arguments(project, arguments, environment, steps):
    run = run_script(project(), "run_hls.tcl", tool="vitis_hls", arguments=arguments, **environment)
    assert run.status == 0
    assert {name.removesuffix("_design") for name in run.names() if name.endswith("_design")} == steps


@needs_tclsh
def test_only_a_synthesis_discards_the_earlier_one(project):
    run = run_script(project(), "run_hls.tcl", tool="vitis_hls", FOLDLINE_CSYNTH="0")
    assert run.named("open_project") == [["hls"]]
    assert run.named("open_solution") == [["-flow_target", "vivado", "solution1"]]


@needs_tclsh
@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("csym=1",), {}, "There is no step 'csym'; known are csim, csynth, cosim and export."),
        (("csim=yes",), {}, "csim is 'yes'; it must be 0 or 1."),
        ((), {"FOLDLINE_COSIM": "on"}, "FOLDLINE_COSIM is 'on'; it must be 0 or 1."),
    ],
)
def test_a_wrong_step_is_refused_before_any_tool_runs(project, arguments, environment, message):
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
        "set_part",
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
