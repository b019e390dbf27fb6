"""No reader without a fuzzer: a new module that opens files must be named in `tests.fuzz.readers`."""

import ast

import pytest

from tests.fuzz.formats import all_formats
from tests.fuzz.readers import READERS
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2

PACKAGES = (
    "datapath",
    "fixedpoint_sim",
    "foldline",
    "golden_vectors",
    "hls_gen",
    "overlay_driver",
    "rtl_gen",
    "train",
    "params",
)

READING = {
    *("open", "read_bytes", "read_text", "first_line", "open_file", "open_zip", "parse_json", "read_unicode"),
    *("load", "loads", "NpzReader", "read_npz", "ZipFile", "is_zipfile", "fromstring", "connect", "Reload", "reader"),
    *("read_json", "memmap", "fromfile", "genfromtxt", "loadtxt", "fdopen", "decompress"),
}
"""Names of functions and methods that read files, or what was read."""

MODULES_OF_LOADS = {"json", "np", "torch", "pickle", "Image", "tarfile", "sqlite3", "zipfile", "csv", "gzip", "os", ""}
"""What stands before `load`, `loads`, `connect`, `open` and `reader` where they read files."""

AMBIGUOUS = {"load", "loads", "connect", "reader"}


def reads(source: str) -> bool:
    """Whether a module reads files by itself, and not by a function of another one of ours alone."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        before = getattr(getattr(function, "value", None), "id", "") if isinstance(function, ast.Attribute) else ""
        if name in READING and (name not in AMBIGUOUS or before in MODULES_OF_LOADS - {""}):
            return True
    return False


def modules() -> dict[str, str]:
    paths = [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]
    return {path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_every_module_that_reads_files_is_named():
    assert [name for name, source in modules().items() if reads(source) and name not in READERS] == []


def test_what_is_named_exists():
    known = modules()
    assert [name for name in READERS if name not in known] == []
    formats = {name for found in READERS.values() if isinstance(found, tuple) for name in found}
    assert formats <= set(all_formats())
    assert set(all_formats()) - formats == {"serial-answer"}  # bytes of a port, which no module opens as a file


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("path.read_text()", True),
        ("json.loads(text)", True),
        ("with path.open('rb') as f: f.read()", True),
        ("Image.open(path)", True),
        ("NpzReader(path)", True),
        ("Design.load(path)", False),
        ("path.exists()", False),
    ],
)
def test_a_reader_is_recognised(source, found):
    assert reads(source) is found
