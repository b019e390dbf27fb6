"""``build.tcl`` of both kernels under tclsh, with stubs of Vivado's commands."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from datapath.boards import load_board
from datapath.vivado.scripts import slower_clocks
from tests.datapath.vivado.projects import BOARDS, KERNELS, Project, make_project
from tests.vendor_tools import REPORTS, Run, needs_tclsh, run_script

pytestmark = [needs_tclsh, pytest.mark.no_numpy2]

VERILATOR = shutil.which("verilator")

BOARD_FILES = {
    "kv260": "xilinx.com:kv260_som:part0:1.4=xck26-sfvc784-2LV-c",
    "pynq-z1": "www.digilentinc.com:pynq-z1:part0:1.0=xc7z020clg400-1",
    "pynq-z2": "tul.com.tw:pynq-z2:part0:1.0=xc7z020clg400-1",
    "ultra96-v2": "em.avnet.com:ultra96v2:part0:1.0=xczu3eg-sbva484-1-e",
    "zcu104": "xilinx.com:zcu104:part0:1.1=xczu7ev-ffvc1156-2-e",
}


@pytest.fixture(params=KERNELS)
def kernel(request) -> str:
    return request.param


@pytest.fixture
def project(kernel, tmp_path):
    """A function that writes the project of a board, with all that `build.tcl` needs."""
    return lambda board="pynq-z1", **options: make_project(kernel, tmp_path / "project", board, **options)


def build(project: Project, **environment: str) -> Run:
    """Run `build.tcl` with the reports of the part's family."""
    zynq = "clk_fpga_0" in (project.folder / "build.tcl").read_text()
    reports = {"STUB_REPORTS": str(REPORTS / ("zynq7000" if zynq else "zynqmp"))}
    return run_script(project.folder, "build.tcl", tool="vivado", **(reports | environment))


RELEASES = ("2019.2", "2022.2", "2024.2")
"""Generations of Vivado, each with its conventions in the stubs."""


def releases_of(board: str) -> list[str]:
    """Those that know the board's part."""
    return [release for release in RELEASES if release >= load_board(board).first_release]


@pytest.mark.parametrize("files", [True, False], ids=["board-files", "no-board-files"])
@pytest.mark.parametrize(("board", "release"), [(board, release) for board in BOARDS for release in releases_of(board)])
def test_vivado_runs_from_end_to_end(project, board, release, files):
    made = project(board)
    (made.folder / f"{made.name}.json").write_text("what it holds")
    loaded = load_board(board)
    installed = " ".join(BOARD_FILES.values()) if files else ""
    run = build(made, STUB_RELEASE=release, STUB_BOARDS=installed)
    assert (run.status, run.errors) == (0, "")
    assert "WARNING" not in run.output
    layout = "srcs" if release == "2019.2" else "gen"
    assert list((made.folder / "vivado").glob("*/sources_1/bd/overlay/hw_handoff/overlay.hwh")) == [
        made.folder / f"vivado/foldline.{layout}/sources_1/bd/overlay/hw_handoff/overlay.hwh"
    ]
    cores = {words[-1]: words[3] for words in run.named("create_bd_cell") if words[1] == "ip"}
    version = {"2019.2": "3.3", "2022.2": "3.4", "2024.2": "3.5"}[release]
    zynq = loaded.family.value == "zynq7000"
    assert cores["ps"] == f"xilinx.com:ip:{'processing_system7:5.5' if zynq else f'zynq_ultra_ps_e:{version}'}"
    results = json.loads((made.folder / "results.json").read_text())
    assert results["vivado"] == release and results.items() >= expected_figures(board).items()
    assert run.named("create_project") == [["-force", "foldline", f"{made.folder}/vivado", "-part", loaded.part]]
    chosen = [words[1] for words in run.named("set_property") if words[0] == "board_part"]
    assert chosen == ([BOARD_FILES[board].split("=")[0]] if files else [])
    assert (made.folder / f"{made.name}.bit").read_text() == "bits"
    assert (made.folder / f"{made.name}.hwh").read_text() == "hand-off"
    assert (made.folder / f"{made.name}.json").read_text() == "what it holds"
    names = ", ".join(f"{made.name}.{suffix}" for suffix in ("bit", "hwh", "json"))
    four = f"{names} and {made.name}.npz are in {made.folder}; the board needs all four."
    assert run.output.endswith(f"INFO: {four}\n")


@pytest.mark.parametrize("board", BOARDS)
def test_registers_and_memory_are_where_the_driver_looks(project, board):
    loaded = load_board(board)
    made = project(board)
    run = build(made)
    control, memory = run.named("create_bd_addr_seg")
    assert [int(control[n], 16) for n in (1, 3)] == [loaded.control_bytes, loaded.control_base]
    assert control[4:6] == ["ps/Data", f"topLevel_BLSTM_CTC_0/s_axi_control/{made.registers}"]
    assert [int(memory[n], 16) for n in (1, 3)] == [loaded.memory_bytes, 0]
    slave = "S_AXI_HP0/HP0_DDR_LOWOCM" if loaded.family.value == "zynq7000" else "SAXIGP2/HP0_DDR_LOW"
    assert memory[4:6] == [f"topLevel_BLSTM_CTC_0/{made.space}", f"ps/{slave}"]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("board", "preset", "others"),
    [
        ("zcu104", "", {"HP0_QSPI", "HP0_LPS_OCM", "HP0_PCIE_LOW"}),
        ("ultra96-v2", "HP0_DDR_HIGH HP0_PCIE_HIGH1 HP0_PCIE_HIGH2",
         {"HP0_QSPI", "HP0_LPS_OCM", "HP0_PCIE_LOW", "HP0_DDR_HIGH", "HP0_PCIE_HIGH1", "HP0_PCIE_HIGH2"}),
        ("pynq-z2", "", set()),
        ("pynq-z1", "HP0_HIGH_OCM", {"HP0_HIGH_OCM"}),
    ],
)  # fmt: skip
def test_every_other_segment_of_hp0_is_excluded(project, board, preset, others, release):
    """One that is neither mapped nor excluded is the critical warning BD 41-1356; the stub raises it."""
    run = build(project(board), STUB_RELEASE=release, STUB_SEGMENTS=preset)
    assert (run.status, run.errors) == (0, "")
    assert "WARNING" not in run.output
    excluded = [words[-1] for words in run.named("exclude_bd_addr_seg")]
    port = "S_AXI_HP0" if load_board(board).family.value == "zynq7000" else "SAXIGP2"
    names = {f"SEG_{name}" for name in others} if release == "2019.2" else {f"ps/{port}/{name}" for name in others}
    assert names <= set(excluded)
    assert not any("DDR_LOW" in words for words in excluded)


def test_a_segment_that_no_release_had_yet_is_excluded(project):
    run = build(project("zcu104"), STUB_RELEASE="2024.2", STUB_SEGMENTS="HP0_NEW")
    assert "BD 41-1356" not in run.output
    assert ["ps/SAXIGP2/HP0_NEW"] in [words[-1:] for words in run.named("exclude_bd_addr_seg")]


def test_a_segment_that_cannot_be_excluded_does_not_stop_the_build(project):
    """In 2019.2 it would have to be mapped, and only known ones have an offset."""
    run = build(project("zcu104"), STUB_RELEASE="2019.2", STUB_SEGMENTS="HP0_NEW")
    assert (run.status, run.errors) == (0, "")
    assert run.output.count("CRITICAL WARNING: [BD 41-1356]") == 1
    assert (
        "WARNING: ps/SAXIGP2/HP0_NEW is neither mapped nor excluded (ps/SAXIGP2/HP0_NEW is not mapped);" in run.output
    )


def test_the_published_board_has_the_published_addresses(project):
    run = build(project("pynq-z1"))
    assert run.named("create_bd_addr_seg")[0][:4] == ["-range", "0x00010000", "-offset", "0x43C00000"]
    assert run.named("create_bd_addr_seg")[1][:4] == ["-range", "0x20000000", "-offset", "0x00000000"]


@pytest.mark.parametrize("board", BOARDS)
def test_every_part_of_the_system_is_clocked_reset_and_connected(project, board):
    zynq = load_board(board).family.value == "zynq7000"
    run = build(project(board))
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


@pytest.mark.parametrize("files", [True, False], ids=["board-files", "no-board-files"])
@pytest.mark.parametrize("board", BOARDS)
def test_the_processing_system_is_set_after_any_preset(project, board, files):
    loaded = load_board(board)
    run = build(project(board), STUB_BOARDS=BOARD_FILES[board] if files else "")
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
        assert settings["CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ"] == ("142.857" if board == "kv260" else "150")
        assert settings["CONFIG.PSU__USE__M_AXI_GP0"] == settings["CONFIG.PSU__USE__S_AXI_GP2"] == "1"
        assert settings["CONFIG.PSU__USE__M_AXI_GP1"] == settings["CONFIG.PSU__USE__M_AXI_GP2"] == "0"
        assert settings["CONFIG.PSU__SAXIGP2__DATA_WIDTH"] == "64"
        assert presets == (["apply_board_preset 1"] if files else [])
        assert bare == ([] if files else ["CONFIG.PSU__PSS_REF_CLK__FREQMHZ 33.333"])


def test_the_newest_core_is_taken_by_its_number(project):
    newer = "xilinx.com:ip:zynq_ultra_ps_e:3.9 xilinx.com:ip:zynq_ultra_ps_e:3.10"
    run = build(project("zcu104"), STUB_CORES=newer)
    cores = {words[-1]: words[3] for words in run.named("create_bd_cell")}
    assert cores["ps"] == "xilinx.com:ip:zynq_ultra_ps_e:3.10"
    assert cores["resets"] == "xilinx.com:ip:proc_sys_reset:5.0"


def test_board_files_of_another_chip_or_unwanted_ones_are_left_aside(project):
    made = project("pynq-z1")
    other = build(made, STUB_BOARDS="x:pynq-z1:part0:9.0=xc7z010clg400-1")
    assert other.status == 0
    assert "INFO: board files x:pynq-z1:part0:9.0 are for xc7z010clg400-1, not for xc7z020clg400-1;" in other.output
    unwanted = build(made, STUB_BOARDS=BOARD_FILES["pynq-z1"], FOLDLINE_BOARD_PRESET="0")
    for run in (other, unwanted):
        assert [words for words in run.named("set_property") if words[0] == "board_part"] == []


def test_timing_is_checked_before_the_bitstream_is_written(project):
    run = build(project(), FOLDLINE_JOBS="7")
    steps = [words for words in run.commands if words[0] == "launch_runs" or words[:2] == ["get_property", "STATS.WNS"]]
    assert steps == [
        ["launch_runs", "synth_1", "-jobs", "7"],
        ["launch_runs", "impl_1", "-jobs", "7"],
        ["get_property", "STATS.WNS", "impl_1"],
        ["launch_runs", "impl_1", "-to_step", "write_bitstream", "-jobs", "7"],
    ]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"STUB_WNS": "-0.001"},
            "The worst setup slack is -0.001 ns; it must be 0 or more at 100 MHz. This implementation reaches 99.9 MHz. "
            "The nearest clock below it that pynq-z1 makes is 90.909 MHz: export the project with --clock-mhz 90.909. "
            "See NAME_timing.rpt.",
        ),
        (
            {"STUB_WHS": "-0.3"},
            "The worst hold slack is -0.3 ns; it must be 0 or more at 100 MHz. See NAME_timing.rpt.",
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
    made = project()
    for suffix in ("bit", "hwh"):
        (made.folder / f"{made.name}.{suffix}").write_text("of an earlier build")
    run = build(made, **environment)
    assert (run.status, run.errors) == (1, f"ERROR: {message.replace('NAME', made.name)}\n")
    assert not list(made.folder.glob(f"{made.name}.bit")) + list(made.folder.glob(f"{made.name}.hwh"))
    assert (made.folder / f"{made.name}.json").is_file()


def test_a_run_that_fails_is_named_with_its_first_error(project):
    errors = (
        "ERROR: [Place 30-640] Place Check : this design requires more RAMB36 cells than are available.\nERROR: two"
    )
    run = build(project(), STUB_RUN="impl_1", STUB_LOG=f"INFO: x\nWARNING: no ERROR: here\n{errors}\n")
    assert run.status == 1
    assert run.errors.endswith(f"see vivado/foldline.runs/impl_1/runme.log. {errors.splitlines()[0]}\n")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"FOLDLINE_JOBS": "many"}, "FOLDLINE_JOBS is 'many'; it must be an integer of 1 or more."),
        ({"FOLDLINE_BOARD_PRESET": "yes"}, "FOLDLINE_BOARD_PRESET is 'yes'; it must be 0 or 1."),
    ],
)
def test_a_wrong_setting_is_refused_before_vivado_runs(project, environment, message):
    run = build(project(), **environment)
    assert (run.status, run.errors, run.commands) == (1, f"ERROR: {message}\n", [])


@pytest.mark.parametrize(
    ("board", "version", "needed"),
    [
        ("kv260", "2020.2", "2020.2.2"),
        ("kv260", "2020.2.1_AR12345", "2020.2.2"),
        ("kv260", "2019.2", "2020.2.2"),
        ("pynq-z2", "2019.1.3", "2019.2"),
        ("zcu104", "2018.3", "2019.2"),
    ],
)
def test_a_release_that_is_older_than_the_part_stops_before_anything_is_made(project, board, version, needed):
    made, loaded = project(board), load_board(board)
    (made.folder / f"{made.name}.bit").write_text("of an earlier build")
    run = build(made, STUB_VERSION=version)
    assert (run.status, run.commands) == (1, [["version", "-short"]])
    assert run.errors == (
        f"ERROR: This is Vivado {version}; {loaded.title} ({loaded.part}) needs Vivado {needed} or later.\n"
    )
    assert (made.folder / f"{made.name}.bit").is_file()


@pytest.mark.parametrize("version", ["2020.2.2", "2021.1", "2022.2.1_AR000_1", "2100.1"])
def test_a_later_release_builds(project, version):
    assert build(project("kv260"), STUB_VERSION=version).status == 0


def test_a_folder_that_vivado_does_not_take_is_refused_before_anything_is_made(kernel, tmp_path):
    made = make_project(kernel, tmp_path / "my project")
    run = build(made)
    assert (run.status, run.commands) == (1, [])
    assert run.errors.startswith(f"ERROR: The project's folder is '{made.folder}'; its path must be of ASCII letters")


def test_the_folder_is_also_checked_on_windows(project):
    """A path of this system has no letter of a drive."""
    made = project()
    run = build(made, STUB_PLATFORM="windows")
    assert (run.status, run.commands) == (1, [])
    assert run.errors.startswith(f"ERROR: The project's folder is '{made.folder}'; it must be on a drive with a letter")


def test_a_part_that_is_not_installed_is_named_before_anything_is_made(project):
    run = build(project("zcu104"), STUB_PARTS="0")
    assert (run.status, run.names()) == (1, {"version", "get_parts"})
    assert run.errors == (
        "ERROR: This Vivado has no part xczu7ev-ffvc1156-2-e; add its devices with Vivado's installer.\n"
    )


def test_a_missing_hand_off_is_an_error(project):
    made = project()
    run = build(made, STUB_LAYOUT="none")
    assert (run.status, run.errors) == (
        1,
        f"ERROR: There must be one overlay.hwh below {made.folder}/vivado; there are 0: .\n",
    )


def test_a_missing_manifest_is_an_error_before_vivado_runs(project):
    made = project()
    (made.folder / f"{made.name}.json").unlink()
    (made.folder / f"{made.name}.bit").write_text("of an earlier build")
    run = build(made)
    assert (run.status, run.commands) == (1, [])
    assert run.errors == f"ERROR: The project lacks {made.name}.json; it must lie beside build.tcl as generated.\n"
    assert (made.folder / f"{made.name}.bit").is_file()


def test_vivado_needs_the_core_first(tmp_path):
    made = make_project("hls", tmp_path / "project")
    (made.folder / "hls/solution1/impl/ip/component.xml").unlink()
    run = build(made)
    assert (run.status, run.commands) == (1, [])
    assert run.errors == f"ERROR: There is no IP core in {made.folder}/hls/solution1/impl/ip; run run_hls.tcl first.\n"


@pytest.mark.parametrize("path", ["run_hls.tcl", "src/top.cpp", "src/weights.hpp"])
def test_a_core_of_other_sources_is_refused_before_vivado_runs(path, tmp_path):
    made = make_project("hls", tmp_path / "project")
    assert run_script(made.folder, "run_hls.tcl", tool="vitis_hls").status == 0
    assert build(made).status == 0
    (made.folder / path).write_text("edited after the core was made")
    run = build(made)
    core = f"The IP core in {made.folder}/hls/solution1/impl/ip"
    assert (run.status, run.commands) == (1, [])
    assert run.errors == f"ERROR: {core} is made of another {path} than the project's; run run_hls.tcl again.\n"
    (made.folder / "hls/solution1/impl/foldline" / path).unlink()
    copies = f"{made.folder}/hls/solution1/impl/foldline"
    assert build(made).errors == (
        f"ERROR: {core} has no copy of the {path} that it is made of in {copies}; run run_hls.tcl again.\n"
    )


def test_a_core_is_of_the_sources_that_were_synthesised(tmp_path):
    """Those of a later export are another design's; a core without a synthesis is none."""
    made = make_project("hls", tmp_path / "project")
    assert run_script(made.folder, "run_hls.tcl", tool="vitis_hls").status == 0
    (made.folder / "src/weights.hpp").write_text("of another export")
    assert "is made of another src/weights.hpp than the project's" in build(made).errors
    assert run_script(made.folder, "run_hls.tcl", tool="vitis_hls", STUB_FAIL="export_design").status == 1
    assert "has no copy of the run_hls.tcl" in build(made).errors
    assert run_script(made.folder, "run_hls.tcl", tool="vitis_hls").status == 0
    assert build(made).status == 0


def test_the_top_of_another_design_is_refused_before_vivado_runs(tmp_path):
    made = make_project("rtl", tmp_path / "project")
    top = made.folder / "rtl/topLevel_BLSTM_CTC.v"
    first, rest = top.read_text().split("\n", 1)
    other = first.replace(made.digest, "0123456789abcdef")
    top.write_text(f"{other}\n{rest}")
    run = build(made)
    assert (run.status, run.commands) == (1, [])
    assert run.errors == (
        f"ERROR: rtl/topLevel_BLSTM_CTC.v begins with '{other}', and build.tcl is of '{first}'; export the project again.\n"
    )


@pytest.mark.parametrize("lacking", ["rtl/rom.sv", "rtl/class_weights.mem", "rtl/topLevel_BLSTM_CTC.v"])
def test_vivado_needs_all_sources_and_memory_files(lacking, tmp_path):
    made = make_project("rtl", tmp_path / "project")
    (made.folder / lacking).unlink()
    (made.folder / f"{made.name}.bit").write_text("of an earlier build")
    run = build(made)
    assert (run.status, run.commands) == (1, [])
    assert run.errors == f"ERROR: The project lacks {lacking}; it must lie beside build.tcl as generated.\n"
    assert (made.folder / f"{made.name}.bit").is_file()


COMMANDS = (
    "create_project", "create_bd_design", "create_bd_cell", "apply_bd_automation", "connect_bd_intf_net", "connect_bd_net",
    "create_bd_addr_seg", "validate_bd_design", "save_bd_design", "generate_target", "make_wrapper", "launch_runs",
    "wait_on_run", "open_run", "report_timing_summary", "report_utilization", "report_power", "close_design",
    "set_property",
)  # fmt: skip
"""The commands of a Vivado build whose failure must end it."""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_failing_vivado_command_ends_the_script(project, command):
    made = project()
    run = build(made, STUB_FAIL=command)
    assert (run.status, run.errors) == (1, f"ERROR: {command} was made to fail\n")
    assert run.commands[-1][0] == command
    assert not (made.folder / f"{made.name}.bit").exists()


@pytest.mark.parametrize(
    ("kernel", "command"),
    [("hls", "update_ip_catalog"), ("rtl", "add_files"), ("rtl", "set_msg_config"), ("rtl", "can_resolve_reference")],
)
def test_a_failing_command_of_one_kernel_ends_the_script(project, command):
    run = build(project(), STUB_FAIL=command)
    assert (run.status, run.errors) == (1, f"ERROR: {command} was made to fail\n")


# The module reference -----------------------------------------------------------------------------------------------


def test_the_hls_kernel_is_the_core_that_was_exported(tmp_path):
    made = make_project("hls", tmp_path / "project")
    run = build(made)
    cell = next(words for words in run.named("create_bd_cell") if words[-1] == "topLevel_BLSTM_CTC_0")
    assert cell == ["-type", "ip", "-vlnv", "xilinx.com:hls:topLevel_BLSTM_CTC:1.0", "topLevel_BLSTM_CTC_0"]
    assert ["ip_repo_paths", f"{made.folder}/hls/solution1/impl/ip", "project"] in run.named("set_property")


def test_the_rtl_kernel_is_the_module_in_the_projects_verilog(tmp_path):
    made = make_project("rtl", tmp_path / "project")
    run = build(made)
    cell = next(words for words in run.named("create_bd_cell") if words[-1] == "topLevel_BLSTM_CTC_0")
    assert cell == ["-type", "module", "-reference", "topLevel_BLSTM_CTC", "topLevel_BLSTM_CTC_0"]
    ((_, _, _, added),) = run.named("add_files")
    copies = made.folder / "vivado" / "rtl"
    shipped = [path for path in (made.folder / "rtl").iterdir() if path.suffix in (".v", ".mem")]
    assert sorted(added.split()) == sorted([str(copies / "library.sv"), *(str(copies / path.name) for path in shipped)])
    assert all((copies / path.name).read_bytes() == path.read_bytes() for path in shipped)
    order = [words[0] for words in run.commands]
    assert order.index("add_files") < order.index("can_resolve_reference") < order.index("create_bd_design")


def test_a_memory_file_that_vivado_does_not_find_is_an_error(tmp_path):
    run = build(make_project("rtl", tmp_path / "project"))
    assert run.named("set_msg_config") == [["-id", "Synth 8-4445", "-new_severity", "ERROR"]]
    assert run.commands.index(["set_msg_config", *run.named("set_msg_config")[0]]) < next(
        n for n, words in enumerate(run.commands) if words[0] == "launch_runs"
    )


def test_all_systemverilog_goes_to_synthesis_as_one_file(tmp_path):
    """Of several Vivado leaves out some (AMD's article 69320), or ignores the module in the block design (filemgmt 56-176)."""
    made = make_project("rtl", tmp_path / "project")
    run = build(made)
    assert not [words for words in run.named("set_property") if words[0] == "source_mgmt_mode"]
    library = (made.folder / "vivado/rtl/library.sv").read_text(encoding="utf-8")
    sources = sorted((made.folder / "rtl").glob("*.sv"))
    assert library == "".join(f"// --- rtl/{path.name} ---\n{path.read_text()}\n" for path in sources)


@pytest.mark.skipif(VERILATOR is None, reason="Verilator is not installed")
def test_the_one_file_and_the_top_are_a_whole_design(tmp_path):
    made = make_project("rtl", tmp_path / "project")
    assert build(made).status == 0
    folder = made.folder / "vivado/rtl"
    command = [VERILATOR, "--lint-only", "-Wno-lint", "-Wno-style", "--top-module", "topLevel_BLSTM_CTC"]
    files = [folder / "topLevel_BLSTM_CTC.v", folder / "library.sv"]
    done = subprocess.run([*command, *files], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "%Error" in done.stderr) == (0, False)


def test_a_top_of_systemverilog_is_refused_before_the_block_design(tmp_path):
    made = make_project("rtl", tmp_path / "project")
    top = made.folder / "rtl" / "topLevel_BLSTM_CTC.v"
    top.write_text(top.read_text().replace("module topLevel_BLSTM_CTC (", "module another ("))
    run = build(made)
    assert (run.status, run.errors) == (
        1,
        "ERROR: Vivado does not find the module topLevel_BLSTM_CTC in the sources; it must be in a file of Verilog.\n",
    )
    assert "create_bd_design" not in run.names()


@pytest.mark.parametrize(("board", "hertz"), [("pynq-z1", "100000000"), ("zcu104", "149998505")])
def test_the_interfaces_of_a_module_get_the_frequency_of_their_clock(board, hertz, tmp_path):
    """The stub refuses a design whose frequencies differ, as Vivado does."""
    run = build(make_project("rtl", tmp_path / "project", board), STUB_CLOCK=hertz)
    assert (run.status, run.errors) == (0, "")
    kernel = "topLevel_BLSTM_CTC_0"
    assert [words for words in run.named("set_property") if words[0] == "CONFIG.FREQ_HZ"] == [
        ["CONFIG.FREQ_HZ", hertz, f"{kernel}/{end}"] for end in ("ap_clk", "s_axi_control", "m_axi_gmem")
    ]


def test_frequencies_that_cannot_be_set_are_left_to_vivado(tmp_path):
    made = make_project("rtl", tmp_path / "project")
    run = build(made, STUB_FIXED="1")
    assert run.status == 0
    assert "INFO: topLevel_BLSTM_CTC_0/m_axi_gmem keeps its frequency (FREQ_HZ is read-only).\n" in run.output
    other = build(made, STUB_FIXED="1", STUB_CLOCK="99999001")
    assert "ERROR: [BD 41-237] Bus Interface property FREQ_HZ does not match" in other.errors


def test_a_register_port_that_is_too_narrow_for_its_window_is_an_error(tmp_path):
    """Vivado maps no more than the range of a slave, which has as many bits as its address."""
    made = make_project("rtl", tmp_path / "project")
    top = made.folder / "rtl" / "topLevel_BLSTM_CTC.v"
    top.write_text(
        top.read_text().replace("input wire [15:0] s_axi_control_awaddr", "input wire [6:0] s_axi_control_awaddr")
    )
    run = build(made)
    assert (run.status, run.errors) == (1, "ERROR: create_bd_addr_seg: the range of s_axi_control/reg0 is 128\n")


def test_an_interface_that_lacks_a_channel_is_no_interface_of_the_block_design(tmp_path):
    made = make_project("rtl", tmp_path / "project")
    top = made.folder / "rtl" / "topLevel_BLSTM_CTC.v"
    top.write_text(top.read_text().replace("m_axi_gmem AWVALID", "m_axi_other AWVALID"))
    run = build(made)
    assert run.status == 1
    assert "has no channel" in run.errors


# Timing and results -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("board", "wns", "advice"),
    [
        # By hand: the period is 10 - wns. 1000 / 7 MHz is 7 ns, 100 MHz 10 ns, 1000 / 11 MHz 11 ns, 1000 / 12 MHz 12 ns.
        ("pynq-z1", "-1.000", "makes is 90.909 MHz: export the project with --clock-mhz 90.909."),
        ("pynq-z1", "-1.001", "makes is 83.333 MHz: export the project with --clock-mhz 83.333."),
        ("pynq-z1", "-89.999", "makes is 10 MHz: export the project with --clock-mhz 10."),
        ("pynq-z1", "-90.001", "pynq-z1 makes no clock that is slow enough."),
        # 6.667 + 0.833 = 7.5 ns, 1500 MHz / 12 is 8 ns, / 11 is 7.333 ns.
        ("zcu104", "-0.666", "makes is 136.364 MHz: export the project with --clock-mhz 136.364."),
        ("zcu104", "-0.667", "makes is 125 MHz: export the project with --clock-mhz 125."),
    ],
)
def test_a_missed_clock_names_the_nearest_that_the_board_makes(board, wns, advice, tmp_path):
    made = make_project("rtl", tmp_path / "project", board)
    family = load_board(board).family.value
    reports = altered(tmp_path, "timing", "      0.412        0.000    ", f"{wns:>11}      -11.250    ", family=family)
    run = build(made, STUB_REPORTS=reports, STUB_WNS=wns)
    assert run.status == 1
    assert advice in run.errors


def test_a_clock_whose_text_is_rounded_up_is_still_reached(tmp_path):
    """1000 / 6 MHz is 6 ns; its text, 166.667, is a little faster."""
    made = make_project("rtl", tmp_path / "project", clock_mhz=200)
    reports = Path(altered(tmp_path, "timing", "      0.412        0.000    ", "     -1.000       -0.250    "))
    timing = (reports / "timing.rpt").read_text(encoding="utf-8")
    (reports / "timing.rpt").write_text(timing.replace("10.000          100.000", "5.000           200.000"))
    run = build(made, STUB_REPORTS=str(reports), STUB_WNS="-1.000")
    assert "The nearest clock below it that pynq-z1 makes is 166.667 MHz: " in run.errors


def test_every_clock_in_the_script_can_be_exported(tmp_path):
    for board in BOARDS:
        loaded = load_board(board)
        clocks = slower_clocks(loaded, loaded.clock_mhz)
        assert clocks and [loaded.clock(float(clock)) for clock in clocks] == sorted(
            (float(clock) for clock in loaded.clocks if float(clock) < loaded.clock_mhz), reverse=True
        )


def test_the_worse_of_run_and_report_counts(tmp_path):
    """A step after routing may leave the run's figure behind."""
    made = make_project("rtl", tmp_path / "project")
    reports = altered(tmp_path, "timing", "      0.412        0.000    ", "     -0.100       -0.250    ")
    run = build(made, STUB_REPORTS=reports, STUB_WNS="0.2")
    assert run.errors.startswith("ERROR: The worst setup slack is -0.100 ns; it must be 0 or more at 100 MHz.")


def test_a_property_that_a_release_lacks_is_a_warning(project):
    lacking = "STEPS.SYNTH_DESIGN.ARGS.RETIMING STEPS.POST_ROUTE_PHYS_OPT_DESIGN.ARGS.DIRECTIVE"
    run = build(project(), STUB_LACKS=lacking)
    assert (run.status, run.errors) == (0, "")
    assert run.output.count("WARNING: ") == 2
    assert "WARNING: synth_1 keeps its default of STEPS.SYNTH_DESIGN.ARGS.RETIMING, not true (" in run.output


def test_a_run_that_synthesises_the_core_alone_is_named_and_gets_the_options(project):
    run = build(project(), STUB_RUNS="overlay_topLevel_BLSTM_CTC_0_0_synth_1")
    assert run.status == 0
    assert (
        "WARNING: overlay_topLevel_BLSTM_CTC_0_0_synth_1 synthesises a part of the block design by itself" in run.output
    )
    retimed = [words[2] for words in run.named("set_property") if words[0] == "STEPS.SYNTH_DESIGN.ARGS.RETIMING"]
    assert retimed == ["synth_1", "overlay_topLevel_BLSTM_CTC_0_0_synth_1"]


def test_synthesis_and_implementation_are_set_for_timing(project):
    """Of all in one run, so that the options hold for the accelerator."""
    run = build(project())
    names = [words[0] for words in run.commands]
    settings = {words[0]: words[1:] for words in run.named("set_property") if words[0].startswith("STEPS.")}
    assert settings == {
        "STEPS.SYNTH_DESIGN.ARGS.RETIMING": ["true", "synth_1"],
        "STEPS.OPT_DESIGN.ARGS.DIRECTIVE": ["Explore", "impl_1"],
        "STEPS.PLACE_DESIGN.ARGS.DIRECTIVE": ["ExtraTimingOpt", "impl_1"],
        "STEPS.PHYS_OPT_DESIGN.IS_ENABLED": ["true", "impl_1"],
        "STEPS.PHYS_OPT_DESIGN.ARGS.DIRECTIVE": ["AggressiveExplore", "impl_1"],
        "STEPS.ROUTE_DESIGN.ARGS.DIRECTIVE": ["AggressiveExplore", "impl_1"],
        "STEPS.POST_ROUTE_PHYS_OPT_DESIGN.IS_ENABLED": ["true", "impl_1"],
        "STEPS.POST_ROUTE_PHYS_OPT_DESIGN.ARGS.DIRECTIVE": ["AggressiveExplore", "impl_1"],
    }
    whole = run.commands.index(["set_property", "synth_checkpoint_mode", "None", "overlay.bd"])
    assert whole < names.index("generate_target") < names.index("launch_runs")


EXPECTED = {
    "zynq7000": {
        "period_ns": 10.0, "wns": 0.412, "whs": 0.02, "reachable_mhz": 104.2, "luts": 17302, "ffs": 18379,
        "bram36": 65.5, "dsps": 6, "power_w": 1.737, "core_luts": 14903, "core_ffs": 15012, "core_bram36": 63.5, "core_dsps": 6,
    },
    "zynqmp": {
        "period_ns": 6.667, "wns": 0.412, "whs": 0.02, "reachable_mhz": 159.8, "luts": 16011, "ffs": 18002,
        "bram36": 64, "dsps": 0, "power_w": 3.696, "core_luts": 13100, "core_ffs": 14877, "core_bram36": 62.5, "core_dsps": 0,
    },
}  # fmt: skip
"""The figures in the reports of each family."""


def expected_figures(board: str) -> dict[str, object]:
    """Those of a board's family at the board's clock: 142.857 MHz of the KV260 are 7 ns, less 0.412 ns 151.79 MHz."""
    clock = {"period_ns": 7.0, "reachable_mhz": 151.7} if board == "kv260" else {}
    return EXPECTED[load_board(board).family.value] | clock


@pytest.mark.parametrize(("board", "version"), [("pynq-z1", "2019.2"), ("kv260", "2022.2.1_AR000_1")])
def test_results_are_the_figures_of_the_reports(project, kernel, board, version):
    made, loaded = project(board), load_board(board)
    run = build(made, STUB_VERSION=version)
    assert run.status == 0
    results = json.loads((made.folder / "results.json").read_text())
    about = {"kernel": kernel, "design": made.digest, "board": board, "part": loaded.part, "vivado": version}
    assert results == about | {"clock_mhz": loaded.clock_mhz} | expected_figures(board)
    assert [words for words in run.commands if words[0].startswith("report_")] == [
        *(
            [f"report_{command}", "-file", f"{made.folder}/{made.name}_{file}.rpt"]
            for command, file in (("timing_summary", "timing"), ("utilization", "utilization"), ("power", "power"))
        ),
        [
            "report_utilization",
            "-cells",
            "overlay_i/topLevel_BLSTM_CTC_0",
            "-file",
            f"{made.folder}/{made.name}_core.rpt",
        ],
    ]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"STUB_CORE": "0"}, "This Vivado has no cell overlay_i/topLevel_BLSTM_CTC_0 in the implemented design."),
        ({"STUB_REPORTS": ""}, "NAME_core.rpt: there must be one number beside DSPs; there are 0: ."),
    ],
)
def test_results_without_the_accelerator_alone_are_complete(environment, message, tmp_path):
    made = make_project("rtl", tmp_path / "project")
    if "STUB_REPORTS" in environment:
        environment = {"STUB_REPORTS": altered(tmp_path, "core", "| DSPs", "| Multipliers")}
    run = build(made, **environment)
    assert (run.status, run.errors) == (0, "")
    message = f"results.json has no figures of the accelerator alone: {message.replace('NAME', made.name)}"
    assert f"WARNING: {message}\n" in run.output
    results = json.loads((made.folder / "results.json").read_text())
    assert not [name for name in results if name.startswith("core_")]
    whole = EXPECTED["zynq7000"]
    assert results.items() >= {name: whole[name] for name in whole if not name.startswith("core_")}.items()


@pytest.mark.parametrize("family", ["zynq7000-2024.2", "zynqmp-2019.2"])
def test_reports_of_another_release_have_the_same_figures(family, tmp_path):
    """Columns, titles and heads differ; the figures in these samples do not."""
    board = "pynq-z1" if family.startswith("zynq7000") else "zcu104"
    made = make_project("rtl", tmp_path / "project", board)
    run = build(made, STUB_RELEASE=family.partition("-")[2], STUB_REPORTS=str(REPORTS / family))
    assert (run.status, run.errors) == (0, "")
    results = json.loads((made.folder / "results.json").read_text())
    expected = EXPECTED[family.partition("-")[0]] | {"clock_mhz": load_board(board).clock_mhz}
    assert results.items() >= expected.items()


def test_a_clock_with_decimals_counts_by_its_period(tmp_path):
    """A Zynq-7000 makes 1000 / 7 MHz, 7 ns; the script asks for it with six digits."""
    made = make_project("rtl", tmp_path / "project", clock_mhz=142.857)
    reports = altered(tmp_path, "timing", "10.000          100.000", "7.000           142.857")
    run = build(made, STUB_REPORTS=reports)
    assert run.status == 0
    results = json.loads((made.folder / "results.json").read_text())
    assert (results["clock_mhz"], results["period_ns"], results["reachable_mhz"]) == (142.857, 7.0, 151.7)


def test_results_are_there_where_timing_is_missed(tmp_path):
    made = make_project("rtl", tmp_path / "project")
    reports = altered(tmp_path, "timing", "      0.412        0.000    ", "     -1.266     -311.250    ")
    run = build(made, STUB_REPORTS=reports, STUB_WNS="-1.266")
    assert (run.status, run.errors) == (
        1,
        "ERROR: The worst setup slack is -1.266 ns; it must be 0 or more at 100 MHz. This implementation reaches 88.7 MHz. "
        "The nearest clock below it that pynq-z1 makes is 83.333 MHz: export the project with --clock-mhz 83.333. "
        f"See {made.name}_timing.rpt.\n",
    )
    results = json.loads((made.folder / "results.json").read_text())
    assert (results["wns"], results["reachable_mhz"]) == (-1.266, 88.7)
    assert not (made.folder / f"{made.name}.bit").exists()


def altered(folder, report: str, old: str, new: str, *, count: int = -1, family: str = "zynq7000") -> str:
    """A folder with the reports of a family, one of them with another text."""
    reports = folder / "reports"
    reports.mkdir()
    for path in (REPORTS / family).iterdir():
        text = path.read_text(encoding="utf-8")
        if path.stem == report:
            assert old in text
            text = text.replace(old, new, count)
        (reports / path.name).write_text(text, encoding="utf-8")
    return str(reports)


ROW = "there must be one number beside"


@pytest.mark.parametrize(
    ("report", "old", "new", "message"),
    [
        ("timing", "WNS(ns)", "WNS", "NAME_timing.rpt has no row that begins with WNS(ns)."),
        ("timing", "WHS(ns)", "Hold", "NAME_timing.rpt has no column WHS(ns)."),
        ("timing", "      0.412        0.000    ", "         NA        0.000    ",
         "NAME_timing.rpt: the value of WNS(ns) is 'NA'; it must be a number."),
        ("timing", "        0.020        0.000    ", "           NA        0.000    ",
         "NAME_timing.rpt: the value of WHS(ns) is 'NA'; it must be a number."),
        ("timing", "      0.412        0.000    ", "      0.412                 ",
         "NAME_timing.rpt has 12 columns in its summary and 11 values."),
        ("timing", "    -------      -------  ", "      1.000      -------  ", "NAME_timing.rpt has 12 columns in its summary and 12 values."),
        ("timing", "clk_fpga_0  {", "clk_fpga_1  {",
         "NAME_timing.rpt: there must be one period of the clock clk_fpga_0; there are 0: ."),
        ("timing", "10.000          100.000", "10.000          125.000",
         "NAME_timing.rpt: there must be one period of the clock clk_fpga_0; there are 0: ."),
        ("timing", "10.000          100.000", "0.000          100.000",
         "NAME_timing.rpt: there must be one period of the clock clk_fpga_0; there are 0: ."),
        ("timing", "10.000          100.000", "10.101          99.000",
         "NAME_timing.rpt: the period of the clock clk_fpga_0 is 10.101 ns; it must be 10.000 ns, for 100 MHz."),
        ("timing", "10.000          100.000", "9.900           101.010",
         "NAME_timing.rpt: the period of the clock clk_fpga_0 is 9.900 ns; it must be 10.000 ns, for 100 MHz."),
        ("utilization", "Slice LUTs", "Slice Tables",
         f"NAME_utilization.rpt: {ROW} Slice LUTs or CLB LUTs; there are 0: ."),
        ("utilization", "| Slice Registers            | 18379", "| Slice Registers            | 18378",
         f"NAME_utilization.rpt: {ROW} Slice Registers or CLB Registers; there are 2: 18378, 18379."),
        ("utilization", "Block RAM Tile    | 65.5 |", "Block RAM Tile    |      |",
         "NAME_utilization.rpt: the value of Block RAM Tile is ''; it must be a number."),
        ("utilization", "| DSPs           |    6 |", "| DSPs           | <0.1 |",
         "NAME_utilization.rpt: the value of DSPs is '<0.1'; it must be a number."),
        ("utilization", "| DSPs           |    6 |", "  DSPs                6  ",
         f"NAME_utilization.rpt: {ROW} DSPs; there are 0: ."),
        ("power", "| Total On-Chip Power (W)  | 1.737        |", "| Total On-Chip Power (W)  | Unspecified  |",
         "NAME_power.rpt: the value of Total On-Chip Power (W) is 'Unspecified'; it must be a number."),
        ("power", "Total On-Chip Power (W)", "On-Chip Power (W)",
         f"NAME_power.rpt: {ROW} Total On-Chip Power (W); there are 0: ."),
    ],
)  # fmt: skip
def test_a_report_that_lacks_a_figure_is_named_and_the_bitstream_is_kept(report, old, new, message, tmp_path):
    made = make_project("rtl", tmp_path / "project")
    (made.folder / "results.json").write_text("of an earlier build")
    run = build(made, STUB_REPORTS=altered(tmp_path, report, old, new, count=1))
    message = message.replace("NAME", made.name)
    assert (run.status, run.errors) == (
        1,
        f"ERROR: {made.name}.bit and {made.name}.hwh are complete, and results.json is not there: {message}\n",
    )
    assert f"WARNING: {message}\n" in run.output
    assert (made.folder / f"{made.name}.bit").read_text() == "bits"
    assert not (made.folder / "results.json").exists()


def test_a_version_that_is_no_version_is_named(tmp_path):
    made = make_project("rtl", tmp_path / "project")
    run = build(made, STUB_VERSION='2022.2"')
    assert run.errors.endswith(
        "Vivado says that its version is '2022.2\"'; it must be letters, digits, '.', '_' and '-'.\n"
    )


def test_the_reachable_clock_needs_a_report_and_a_missed_clock_does_not(tmp_path):
    made = make_project("rtl", tmp_path / "project")
    run = build(made, STUB_WNS="-1", STUB_REPORTS=altered(tmp_path, "timing", "WNS(ns)", "WNS"))
    assert run.errors == (
        f"ERROR: The worst setup slack is -1 ns; it must be 0 or more at 100 MHz. See {made.name}_timing.rpt.\n"
    )
