"""The compiler and the fixed-point types: where they are searched, and the errors where they are missing."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from datapath.errors import ToolError
from hls_gen.toolchain import TYPE_HEADERS, TYPE_VARIABLES, Toolchain, find_types
from tests.builds import FakeCompiler

NO_TYPES = (
    "There are no fixed-point types to compile with: install the package hls4ml, which has them "
    "(pip install 'foldline[csim]'), or set XILINX_HLS to the folder of Vitis HLS, or XILINX_VITIS to that of Vitis 2024.2 or later."
)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in ("XILINX_HLS", "VIVADO_HLS", "XILINX_VITIS", "CXX"):
        monkeypatch.delenv(name, raising=False)


def installation(folder: Path, *, without: str = "") -> Path:
    """A folder that looks like an installed vendor tool; its types are empty files."""
    (folder / "include").mkdir(parents=True)
    for name in TYPE_HEADERS:
        if name != without:
            (folder / "include" / name).touch()
    return folder


def error_of(call) -> str:
    with pytest.raises(ToolError) as error:
        call()
    return str(error.value)


def package(monkeypatch, folder: Path) -> Path:
    """Let hls4ml be installed in a folder, without types."""
    (folder / "hls4ml").mkdir()
    (folder / "hls4ml" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "hls4ml", raising=False)
    monkeypatch.syspath_prepend(folder)
    return folder / "hls4ml" / "templates" / "vivado" / "ap_types"


# Types --------------------------------------------------------------------------------------------------------------


def test_an_installed_tool_comes_before_the_package_and_one_for_hls_alone_before_vitis(monkeypatch, tmp_path):
    types = package(monkeypatch, tmp_path)
    types.mkdir(parents=True)
    for name in TYPE_HEADERS:
        (types / name).touch()
    assert find_types() == types
    monkeypatch.setenv("XILINX_VITIS", str(installation(tmp_path / "vitis-2024.2")))
    assert find_types() == tmp_path / "vitis-2024.2" / "include"
    monkeypatch.setenv("VIVADO_HLS", str(installation(tmp_path / "vivado")))
    assert find_types() == tmp_path / "vivado" / "include"
    monkeypatch.setenv("XILINX_HLS", str(installation(tmp_path / "vitis")))
    assert find_types() == tmp_path / "vitis" / "include"
    monkeypatch.setenv("XILINX_HLS", "")  # as good as not set
    assert find_types() == tmp_path / "vivado" / "include"


@pytest.mark.parametrize("variable", TYPE_VARIABLES)
@pytest.mark.parametrize("missing", TYPE_HEADERS)
def test_a_variable_that_leads_nowhere_is_named_and_nothing_else_is_taken(monkeypatch, tmp_path, variable, missing):
    folder = installation(tmp_path / "tool", without=missing)
    monkeypatch.setenv(variable, str(folder))
    assert error_of(find_types) == f"${variable} is {folder}, but {folder}/include has no {missing}."
    monkeypatch.setenv(variable, str(tmp_path / "none"))
    everything = "ap_fixed.h, ap_int.h, hls_stream.h"
    assert error_of(find_types) == f"${variable} is {tmp_path}/none, but {tmp_path}/none/include has no {everything}."


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "hls4ml", None)  # as if the package were not installed
    assert importlib.util.find_spec("hls4ml") is None
    assert error_of(find_types) == NO_TYPES


def test_a_package_without_the_types_is_no_source_of_them(monkeypatch, tmp_path):
    types = package(monkeypatch, tmp_path)
    missing = "ap_fixed.h, ap_int.h, hls_stream.h"
    assert error_of(find_types) == f"The package hls4ml is installed, but {types} has no {missing}."


# The compiler -------------------------------------------------------------------------------------------------------


def test_the_first_compiler_on_the_path_is_taken(monkeypatch, tmp_path):
    monkeypatch.setenv("XILINX_HLS", str(installation(tmp_path / "tool")))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("c++", "clang++", "g++"):
        FakeCompiler(tmp_path).path.rename(tmp_path / name)
        assert Toolchain.find() == Toolchain(compiler=(str(tmp_path / name),), types=tmp_path / "tool" / "include")
    FakeCompiler(tmp_path).path.rename(tmp_path / "mine")
    monkeypatch.setenv("CXX", "mine")
    assert Toolchain.find().compiler == (str(tmp_path / "mine"),)


def test_a_compiler_that_cannot_be_started_is_named(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("no program\n")
    broken.chmod(0o755)
    toolchain = Toolchain(compiler=(str(broken),), types=tmp_path)
    assert error_of(toolchain.digest) == f"Cannot run {broken}: Exec format error."


def compiled(folder: Path, **options) -> list[str]:
    """Command lines that a fake compiler saw when it was asked for one program."""
    fake = FakeCompiler(folder, **options)
    sources = [folder / "a.cpp", folder / "b.cpp"]
    Toolchain(compiler=(str(fake.path),), types=folder / "types").compile(
        sources, folder / "program", include=folder / "src", flags=("-O7",)
    )
    assert os.access(folder / "program", os.X_OK)
    return fake.commands


def test_warnings_are_errors_and_the_types_are_none_of_our_sources(tmp_path):
    (gnu,) = compiled(tmp_path)
    assert gnu == (
        "-std=c++11 -Wall -Wextra -Werror -Wno-unknown-pragmas -Wno-unused-label -Wno-uninitialized "
        f"-Wno-maybe-uninitialized -O7 -isystem {tmp_path}/types -I{tmp_path}/src {tmp_path}/a.cpp {tmp_path}/b.cpp "
        f"-o {tmp_path}/program"
    )


def test_clang_is_not_given_the_option_that_it_does_not_know(tmp_path):
    (clang,) = compiled(tmp_path, version="Debian clang version 14.0.6")
    assert "-Wno-uninitialized" in clang
    assert "-Wno-maybe-uninitialized" not in clang


def test_a_real_compilers_complaint_names_file_and_line(csim_builds, tmp_path):
    source = tmp_path / "wrong.cpp"
    source.write_text("int main() {\n  int unused;\n}\n")
    toolchain = Toolchain.find()
    message = error_of(lambda: toolchain.compile([source], tmp_path / "wrong", include=tmp_path, flags=()))
    # A warning, and -Werror: g++ and clang++ agree on the words but for the quotes' contents.
    assert message.startswith(
        f"{Path(toolchain.compiler[0]).name} failed: {source}:2:7: error: unused variable 'unused'"
    )
    assert not (tmp_path / "wrong").exists()


# Digest -------------------------------------------------------------------------------------------------------------


def test_the_digest_is_of_the_compiler_its_version_and_the_text_of_the_types(tmp_path):
    types = installation(tmp_path / "tool") / "include"
    (types / "etc").mkdir()
    (types / "etc" / "ap_private.h").touch()
    fake = FakeCompiler(tmp_path)
    digests = [Toolchain((str(fake.path),), types).digest()]
    assert Toolchain((str(fake.path),), types).digest() == digests[0]
    (types / "etc" / "ap_private.h").write_text("// patched\n")
    digests.append(Toolchain((str(fake.path),), types).digest())
    FakeCompiler(tmp_path, version="fake 1.1")
    digests.append(Toolchain((str(fake.path),), types).digest())
    fake.path.rename(tmp_path / "another")
    digests.append(Toolchain((str(tmp_path / "another"),), types).digest())
    assert len(set(digests)) == 4
