"""``build.tcl`` under tclsh, with stubs of Vivado's commands."""

import pytest

from datapath.boards import load_board
from tests.hls_gen.project import BOARDS, NAME, example_facts, needs_tclsh, run_script, write_project

BOARD_FILES = {
    "kv260": "xilinx.com:kv260_som:part0:1.4=xck26-sfvc784-2LV-c",
    "pynq-z1": "www.digilentinc.com:pynq-z1:part0:1.0=xc7z020clg400-1",
    "pynq-z2": "tul.com.tw:pynq-z2:part0:1.0=xc7z020clg400-1",
    "ultra96-v2": "em.avnet.com:ultra96v2:part0:1.0=xczu3eg-sbva484-1-e",
    "zcu104": "xilinx.com:zcu104:part0:1.1=xczu7ev-ffvc1156-2-e",
}


@pytest.fixture
def project(tmp_path):
    """A function that writes the project of a board, with its exported core, and returns its folder."""
    return lambda board="pynq-z1": write_project(tmp_path / "project", example_facts(board), core=True)


@needs_tclsh
@pytest.mark.parametrize("layout", ["srcs", "gen"])
@pytest.mark.parametrize("files", [True, False], ids=["board-files", "no-board-files"])
@pytest.mark.parametrize("board", BOARDS)
def test_vivado_runs_from_end_to_end(project, board, files, layout):
    folder = project(board)
    (folder / f"{NAME}.json").write_text("what it holds")
    loaded = load_board(board)
    installed = " ".join(BOARD_FILES.values()) if files else ""
    run = run_script(folder, "build.tcl", tool="vivado", STUB_LAYOUT=layout, STUB_BOARDS=installed)
    assert (run.status, run.errors) == (0, "")
    assert run.named("create_project") == [["-force", "foldline", f"{folder}/vivado", "-part", loaded.part]]
    chosen = [words[1] for words in run.named("set_property") if words[0] == "board_part"]
    assert chosen == ([BOARD_FILES[board].split("=")[0]] if files else [])
    assert (folder / f"{NAME}.bit").read_text() == "bits"
    assert (folder / f"{NAME}.hwh").read_text() == "hand-off"
    assert (folder / f"{NAME}.json").read_text() == "what it holds"
    three = f"INFO: {NAME}.bit, {NAME}.hwh and {NAME}.json are in {folder}; the driver needs all three.\n"
    assert run.output.endswith(three)


@needs_tclsh
@pytest.mark.parametrize("board", BOARDS)
def test_registers_and_memory_are_where_the_driver_looks(project, board):
    loaded = load_board(board)
    run = run_script(project(board), "build.tcl", tool="vivado")
    control, memory = run.named("create_bd_addr_seg")
    assert [int(control[n], 16) for n in (1, 3)] == [loaded.control_bytes, loaded.control_base]
    assert control[4:6] == ["ps/Data", "topLevel_BLSTM_CTC_0/s_axi_control/Reg"]
    assert [int(memory[n], 16) for n in (1, 3)] == [loaded.memory_bytes, 0]
    slave = "S_AXI_HP0/HP0_DDR_LOWOCM" if loaded.family.value == "zynq7000" else "SAXIGP2/HP0_DDR_LOW"
    assert memory[4:6] == ["topLevel_BLSTM_CTC_0/Data_m_axi_gmem", f"ps/{slave}"]
    excluded = {words[-1] for words in run.named("exclude_bd_addr_seg")}
    others = {f"ps/SAXIGP2/{name}" for name in ("HP0_DDR_HIGH", "HP0_QSPI", "HP0_LPS_OCM")}
    assert excluded == (set() if loaded.family.value == "zynq7000" else others)


@needs_tclsh
def test_the_published_board_has_the_published_addresses(project):
    run = run_script(project("pynq-z1"), "build.tcl", tool="vivado")
    assert run.named("create_bd_addr_seg")[0][:4] == ["-range", "0x00010000", "-offset", "0x43C00000"]
    assert run.named("create_bd_addr_seg")[1][:4] == ["-range", "0x20000000", "-offset", "0x00000000"]


@needs_tclsh
@pytest.mark.parametrize("board", BOARDS)
def test_every_part_of_the_system_is_clocked_reset_and_connected(project, board):
    zynq = load_board(board).family.value == "zynq7000"
    run = run_script(project(board), "build.tcl", tool="vivado")
    clock, reset = ("FCLK_CLK0", "FCLK_RESET0_N") if zynq else ("pl_clk0", "pl_resetn0")
    nets: dict[str, set[str]] = {}
    for source, sink in run.named("connect_bd_net"):
        nets.setdefault(source, set()).add(sink)
    buses = {"M_AXI_GP0_ACLK", "S_AXI_HP0_ACLK"} if zynq else {"maxihpm0_fpd_aclk", "saxihp0_fpd_aclk"}
    kernel = "topLevel_BLSTM_CTC_0"
    assert nets == {
        f"ps/{clock}": {"resets/slowest_sync_clk", "control_path/aclk", "memory_path/aclk", f"{kernel}/ap_clk"}
        | {f"ps/{name}" for name in buses},
        f"ps/{reset}": {"resets/ext_reset_in"},
        "resets/peripheral_aresetn": {"control_path/aresetn", "memory_path/aresetn", f"{kernel}/ap_rst_n"},
    }
    master, slave = ("M_AXI_GP0", "S_AXI_HP0") if zynq else ("M_AXI_HPM0_FPD", "S_AXI_HP0_FPD")
    assert run.named("connect_bd_intf_net") == [
        [f"ps/{master}", "control_path/S00_AXI"],
        ["control_path/M00_AXI", f"{kernel}/s_axi_control"],
        [f"{kernel}/m_axi_gmem", "memory_path/S00_AXI"],
        ["memory_path/M00_AXI", f"ps/{slave}"],
    ]


@needs_tclsh
@pytest.mark.parametrize("files", [True, False], ids=["board-files", "no-board-files"])
@pytest.mark.parametrize("board", BOARDS)
def test_the_processing_system_is_set_after_any_preset(project, board, files):
    loaded = load_board(board)
    run = run_script(project(board), "build.tcl", tool="vivado", STUB_BOARDS=BOARD_FILES[board] if files else "")
    order = [words for words in run.commands if words[0] == "apply_bd_automation" or words[-1] == "ps"]
    settings = dict(zip(*[iter(order[-1][2].split())] * 2, strict=True))
    bare = [words[2] for words in order if words[0] == "set_property"][:-1]
    presets = [words[4] for words in order if words[0] == "apply_bd_automation"]
    if loaded.family.value == "zynq7000":
        assert settings["CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ"] == "100"
        assert settings["CONFIG.PCW_USE_M_AXI_GP0"] == settings["CONFIG.PCW_USE_S_AXI_HP0"] == "1"
        assert settings["CONFIG.PCW_S_AXI_HP0_DATA_WIDTH"] == "64"
        assert len(presets) == 1 and f"apply_board_preset {int(files)}" in presets[0]
        assert bare == ([] if files else ["CONFIG.PCW_CRYSTAL_PERIPHERAL_FREQMHZ 50"])
    else:
        assert settings["CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ"] == "150"
        assert settings["CONFIG.PSU__USE__M_AXI_GP0"] == settings["CONFIG.PSU__USE__S_AXI_GP2"] == "1"
        assert settings["CONFIG.PSU__USE__M_AXI_GP1"] == settings["CONFIG.PSU__USE__M_AXI_GP2"] == "0"
        assert settings["CONFIG.PSU__SAXIGP2__DATA_WIDTH"] == "64"
        assert presets == (["apply_board_preset 1"] if files else [])
        assert bare == ([] if files else ["CONFIG.PSU__PSS_REF_CLK__FREQMHZ 33.333"])


@needs_tclsh
def test_the_newest_core_is_taken_by_its_number(project):
    run = run_script(project("zcu104"), "build.tcl", tool="vivado")
    cores = {words[-1]: words[3] for words in run.named("create_bd_cell")}
    assert cores["ps"] == "xilinx.com:ip:zynq_ultra_ps_e:3.10"
    assert cores["topLevel_BLSTM_CTC_0"] == "xilinx.com:hls:topLevel_BLSTM_CTC:1.0"


@needs_tclsh
def test_board_files_of_another_chip_or_unwanted_ones_are_left_aside(project):
    folder = project("pynq-z1")
    other = run_script(folder, "build.tcl", tool="vivado", STUB_BOARDS="x:pynq-z1:part0:9.0=xc7z010clg400-1")
    assert other.status == 0
    assert "INFO: board files x:pynq-z1:part0:9.0 are for xc7z010clg400-1, not for xc7z020clg400-1;" in other.output
    unwanted = run_script(
        folder, "build.tcl", tool="vivado", STUB_BOARDS=BOARD_FILES["pynq-z1"], FOLDLINE_BOARD_PRESET="0"
    )
    for run in (other, unwanted):
        assert [words for words in run.named("set_property") if words[0] == "board_part"] == []


@needs_tclsh
def test_timing_is_checked_before_the_bitstream_is_written(project):
    run = run_script(project(), "build.tcl", tool="vivado", FOLDLINE_JOBS="7")
    steps = [words for words in run.commands if words[0] == "launch_runs" or words[:2] == ["get_property", "STATS.WNS"]]
    assert steps == [
        ["launch_runs", "synth_1", "-jobs", "7"],
        ["launch_runs", "impl_1", "-jobs", "7"],
        ["get_property", "STATS.WNS", "impl_1"],
        ["launch_runs", "impl_1", "-to_step", "write_bitstream", "-jobs", "7"],
    ]


@needs_tclsh
@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"STUB_WNS": "-0.001"},
            f"The worst setup slack is -0.001 ns; it must be 0 or more at 100 MHz. See {NAME}_timing.rpt.",
        ),
        (
            {"STUB_WHS": "-0.3"},
            f"The worst hold slack is -0.3 ns; it must be 0 or more at 100 MHz. See {NAME}_timing.rpt.",
        ),
        ({"STUB_WNS": ""}, "Vivado reports no setup slack (''), so timing cannot be checked."),
        (
            {"STUB_RUN": "impl_1"},
            "impl_1 ended at 40% (place_design ERROR); see vivado/foldline.runs/impl_1/runme.log.",
        ),
        (
            {"STUB_ADDRESS": "0x43C10000"},
            "SEG_registers is at 0x0000000043C10000 with a range of 64K; the driver needs 0x43C00000 with 0x00010000.",
        ),
    ],
)
def test_an_error_in_vivado_is_one_message(project, environment, message):
    folder = project()
    for suffix in ("bit", "hwh"):
        (folder / f"{NAME}.{suffix}").write_text("of an earlier build")
    run = run_script(folder, "build.tcl", tool="vivado", **environment)
    assert (run.status, run.errors) == (1, f"ERROR: {message}\n")
    assert not list(folder.glob(f"{NAME}.bit")) + list(folder.glob(f"{NAME}.hwh"))
    assert (folder / f"{NAME}.json").is_file()


@needs_tclsh
@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"FOLDLINE_JOBS": "many"}, "FOLDLINE_JOBS is 'many'; it must be an integer of 1 or more."),
        ({"FOLDLINE_BOARD_PRESET": "yes"}, "FOLDLINE_BOARD_PRESET is 'yes'; it must be 0 or 1."),
    ],
)
def test_a_wrong_setting_is_refused_before_vivado_runs(project, environment, message):
    run = run_script(project(), "build.tcl", tool="vivado", **environment)
    assert (run.status, run.errors, run.commands) == (1, f"ERROR: {message}\n", [])


@needs_tclsh
def test_a_missing_hand_off_is_an_error(project):
    folder = project()
    run = run_script(folder, "build.tcl", tool="vivado", STUB_LAYOUT="none")
    assert (run.status, run.errors) == (
        1,
        f"ERROR: There must be one overlay.hwh below {folder}/vivado; there are 0: .\n",
    )


@needs_tclsh
def test_a_missing_manifest_is_an_error_before_vivado_runs(project):
    folder = project()
    (folder / f"{NAME}.json").unlink()
    (folder / f"{NAME}.bit").write_text("of an earlier build")
    run = run_script(folder, "build.tcl", tool="vivado")
    assert (run.status, run.commands) == (1, [])
    assert run.errors == f"ERROR: The project lacks {NAME}.json; it must lie beside build.tcl as generated.\n"
    assert (folder / f"{NAME}.bit").is_file()


@needs_tclsh
def test_vivado_needs_the_core_first(tmp_path):
    folder = write_project(tmp_path / "project", example_facts())
    run = run_script(folder, "build.tcl", tool="vivado")
    assert (run.status, run.commands) == (1, [])
    assert run.errors == f"ERROR: There is no IP core in {folder}/hls/solution1/impl/ip; run run_hls.tcl first.\n"


def _vivado_commands() -> list[str]:
    """The commands of a Vivado build whose failure must end it."""
    return [
        "create_project", "update_ip_catalog", "create_bd_design", "create_bd_cell", "apply_bd_automation",
        "connect_bd_intf_net", "connect_bd_net", "create_bd_addr_seg", "validate_bd_design", "generate_target",
        "make_wrapper", "launch_runs", "wait_on_run", "report_timing_summary",
    ]  # fmt: skip


@needs_tclsh
@pytest.mark.parametrize("command", _vivado_commands())
def test_a_failing_vivado_command_ends_the_script(project, command):
    folder = project()
    run = run_script(folder, "build.tcl", tool="vivado", STUB_FAIL=command)
    assert (run.status, run.errors) == (1, f"ERROR: {command} was made to fail\n")
    assert run.commands[-1][0] == command
    assert not (folder / f"{NAME}.bit").exists()
