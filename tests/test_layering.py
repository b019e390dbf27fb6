"""The layers of the packages: which package may import which, and which constructs no module may contain."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2

MIDDLE_LAYER = ("train", "fixedpoint_sim", "hls_gen", "rtl_gen", "overlay_driver")
LIBRARY = ("datapath", *MIDDLE_LAYER)
TOP_LAYER = "foldline"
PACKAGES = (*LIBRARY, TOP_LAYER)

FOLDLINE_PACKAGES = {
    "batch",
    "commands",
    "compare",
    "console",
    "evidence",
    "foldings",
    "hardware",
    "inspect",
    "report",
    "study",
    "sweep",
}
FOLDLINE_MODULES = {
    *("__init__", "__main__", "cli"),
    *("datasets", "demo", "differences", "golden", "networks", "recipe", "runs", "stages"),
}
FOLDLINE_ORDER = (
    *(
        "differences",
        "evidence",
        "datasets",
        "batch",
        "hardware",
        "compare",
        "stages",
        "runs",
        "networks",
        "inspect",
        "foldings",
        "recipe",
        "study",
    ),
    *("report", "sweep", "golden", "console", "demo", "commands", "cli", "__main__"),
)
"""The parts of foldline, lowest first: each imports only those before it, and all may import `ANYWHERE`."""
ANYWHERE = "foldline.console.text"

BOTTOM_LAYER_NEEDS = {"numpy", "PIL"}
SHARED = {
    Path("datapath/compilation_cache.py"): "numba",
    Path("datapath/templates.py"): "jinja2",
    Path("datapath/text_form.py"): "bidi",
}
"""Modules for several packages that need one library more. datapath imports the last where a text needs it, and of the
others `datapath.vivado.scripts` alone imports one."""
NUMBA_DECORATORS = {"jit", "njit", "vectorize", "guvectorize", "cfunc", "stencil"}
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60


def sources(packages: tuple[str, ...]) -> list[Path]:
    found = [path.relative_to(REPOSITORY) for name in packages for path in sorted((REPOSITORY / name).rglob("*.py"))]
    return [path for path in found if "__pycache__" not in path.parts]


def each_source(packages: tuple[str, ...]):
    return pytest.mark.parametrize("path", sources(packages), ids=str)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse((REPOSITORY / path).read_text(encoding="utf-8"), filename=str(path))


# What a module contains ---------------------------------------------------------------------------------------------


def imported_packages(tree: ast.Module) -> set[str]:
    """Top-level names of all packages that a module imports, at its top or within a function."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("relative import" if node.level else node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"importlib.import_module", "__import__"}:
            name = node.args[0]
            literal = isinstance(name, ast.Constant) and isinstance(name.value, str)
            found.add(name.value.partition(".")[0] if literal else "computed import")
    return found


def imported_parts(tree: ast.Module) -> set[tuple[str, str]]:
    """Parts of foldline that a module imports, each with the full name of the imported module."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == TOP_LAYER:
            modules |= {f"{TOP_LAYER}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    return {(module.split(".")[1], module) for module in modules if module.startswith(f"{TOP_LAYER}.")}


def forbidden_constructs(tree: ast.Module) -> Iterator[str]:
    """Constructs that no module may contain, as `line: what`."""
    for node in ast.walk(tree):
        for what in _forbidden_in(node):
            yield f"{node.lineno}: {what}"


def _forbidden_in(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Assert():
            yield "assert statement"
        case ast.ExceptHandler(type=None):
            yield "bare except"
        case ast.ExceptHandler(type=caught) if {"Exception", "BaseException"} & _names(caught):
            yield "except of everything"
        case ast.Raise(exc=ast.Name(id="Exception") | ast.Call(func=ast.Name(id="Exception"))):
            yield "raise of a bare Exception"
        case ast.Import(names=names) if {"marshal", "dill"} & {alias.name for alias in names}:
            yield "pickle"
        case ast.Attribute(value=ast.Name(id="pickle"), attr=name) if not name.endswith("Error"):
            yield "pickle"
        case ast.ImportFrom(module="pickle", names=names) if not all(alias.name.endswith("Error") for alias in names):
            yield "pickle"
        case ast.Import(names=names) if any(alias.name == "pickle" and alias.asname for alias in names):
            yield "pickle under another name"
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            yield "star import"
        case ast.ImportFrom(module="os", names=names) if "system" in {alias.name for alias in names}:
            yield "os.system"
        case ast.Attribute(value=ast.Name(id="os"), attr="system"):
            yield "os.system"
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=keywords) if (
            name in NUMBA_DECORATORS and "cache" in {keyword.arg for keyword in keywords}
        ):
            yield "numba's own cache"
        case ast.keyword(arg="allow_pickle", value=value) if not _is_constant(value, False):
            yield "allow_pickle"
        case ast.keyword(arg="weights_only", value=value) if not _is_constant(value, True):
            yield "weights_only=False"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load"), keywords=keywords):
            if "weights_only" not in {keyword.arg for keyword in keywords}:
                yield "torch.load without weights_only=True"


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _is_constant(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def printing_lines(tree: ast.Module) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "pprint"}
    ]


def long_functions(tree: ast.Module) -> list[str]:
    """Functions whose body, docstring included, is too long; a command's many options do not count."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    lengths = {f"{node.lineno}: {node.name}": node.end_lineno - node.body[0].lineno + 1 for node in functions}
    return [f"{name} has {length} lines" for name, length in lengths.items() if length > MAX_FUNCTION_LINES]


# Which package imports which -----------------------------------------------------------------------------------------


def test_every_package_exists():
    assert {path.parts[0] for path in sources(PACKAGES)} == set(PACKAGES)


@each_source(("datapath",))
def test_datapath_imports_numpy_and_pillow_only(path):
    allowed = set(sys.stdlib_module_names) | BOTTOM_LAYER_NEEDS | {"datapath"}
    assert imported_packages(tree_of(path)) <= allowed | {SHARED.get(path)}


@each_source(MIDDLE_LAYER)
def test_a_middle_package_imports_neither_another_one_nor_foldline(path):
    elsewhere = {*MIDDLE_LAYER, TOP_LAYER, "tests", "relative import", "computed import"} - {path.parts[0]}
    assert not imported_packages(tree_of(path)) & elsewhere


def test_foldline_has_a_folder_for_each_task_and_few_other_modules():
    folder = REPOSITORY / TOP_LAYER
    assert {path.parent.name for path in folder.glob("*/__init__.py")} == FOLDLINE_PACKAGES
    assert {path.stem for path in folder.glob("*.py")} == FOLDLINE_MODULES


@each_source((TOP_LAYER,))
def test_a_part_of_foldline_imports_only_lower_parts(path):
    part = path.parts[1].removesuffix(".py")
    lower = () if part == "__init__" else FOLDLINE_ORDER[: FOLDLINE_ORDER.index(part)]
    assert {other for other, module in imported_parts(tree_of(path)) if module != ANYWHERE} <= {part, *lower}


@each_source(("foldline/commands",))
def test_a_command_imports_no_other_command(path):
    found = {module for part, module in imported_parts(tree_of(path)) if part == "commands"}
    assert found <= {f"foldline.commands.{name}" for name in ("options", "training_options", "lines")}


IMPORT_ALONE = """
import importlib, pkgutil, sys
package, allowed = sys.argv[1], set(sys.argv[2:]) | set(sys.stdlib_module_names)

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocker())
root = importlib.import_module(package)
for module in pkgutil.walk_packages(root.__path__, package + "."):
    if module.name not in ("datapath.compilation_cache", "datapath.templates", "datapath.vivado.scripts"):
        importlib.import_module(module.name)
"""


IMPORT_WITHOUT_PYNQ = (
    IMPORT_ALONE[: IMPORT_ALONE.index("for module in")]
    + """
for module in pkgutil.walk_packages(root.__path__, package + "."):
    if module.name not in ("overlay_driver.remote", "overlay_driver.virtual.device"):
        importlib.import_module(module.name)
"""
)

HEAVY = """
import importlib, sys, warnings
warnings.simplefilter("ignore")  # pynq warns when it is imported off a board
importlib.import_module(sys.argv[1])
found = set(sys.argv[2:]) & {name.partition(".")[0] for name in sys.modules}
sys.exit(f"it imports {', '.join(sorted(found))}" if found else 0)
"""


def import_alone(package: str, *allowed: str) -> subprocess.CompletedProcess:
    """Import a package with all its modules where nothing but `allowed` and the standard library can be imported."""
    return run_python(IMPORT_ALONE, package, package, *allowed)


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)


def test_datapath_imports_where_only_numpy_and_pillow_are_installed():
    result = import_alone("datapath", *BOTTOM_LAYER_NEEDS)
    assert result.returncode == 0, result.stderr


def test_the_driver_can_be_imported_without_pynq():
    """All modules of the driver except those that subclass pynq's classes."""
    result = run_python(IMPORT_WITHOUT_PYNQ, "overlay_driver", "overlay_driver", "datapath", *BOTTOM_LAYER_NEEDS)
    assert result.returncode == 0, result.stderr


@pytest.mark.pynq
def test_the_virtual_board_imports_neither_torch_nor_numba_nor_other_packages():
    result = run_python(
        HEAVY, "overlay_driver.virtual.device", "torch", "numba", "click", "rich", *MIDDLE_LAYER[:-1], TOP_LAYER
    )
    assert result.returncode == 0, result.stderr


def test_blocked_packages_cannot_be_imported():
    result = import_alone("datapath", "numpy")
    assert result.returncode != 0
    assert result.stderr.endswith("ModuleNotFoundError: PIL is blocked\n")


HELP = """
import sys
import click
from foldline.cli import COMMANDS, main

for arguments in ([], *([name] for name in COMMANDS)):
    try:
        main([*arguments, "--help"], prog_name="foldline")
    except SystemExit as finished:
        if finished.code:
            sys.exit(f"foldline {' '.join(arguments)} --help fails")
    heavy = sorted({"torch", "numba", "matplotlib", "tensorboard"} & set(sys.modules))
    if heavy:
        sys.exit(f"foldline {' '.join(arguments)} --help imports {', '.join(heavy)}")
"""


def test_help_pages_import_no_heavy_package():
    result = run_python(HELP)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Usage: foldline")


# What no module contains ---------------------------------------------------------------------------------------------


@each_source(PACKAGES)
def test_nothing_forbidden(path):
    assert list(forbidden_constructs(tree_of(path))) == []


@each_source(LIBRARY)
def test_library_code_never_prints(path):
    assert printing_lines(tree_of(path)) == []


@each_source(PACKAGES)
def test_modules_and_functions_are_short(path):
    assert len((REPOSITORY / path).read_text(encoding="utf-8").splitlines()) < MAX_MODULE_LINES
    assert long_functions(tree_of(path)) == []


# The checks find what they look for ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("assert x", "assert statement"),
        ("try: pass\nexcept: pass", "bare except"),
        ("try: pass\nexcept Exception: pass", "except of everything"),
        ("try: pass\nexcept (ValueError, BaseException) as e: pass", "except of everything"),
        ("raise Exception('x')", "raise of a bare Exception"),
        ("pickle.loads(data)", "pickle"),
        ("import dill", "pickle"),
        ("import pickle as rick", "pickle under another name"),
        ("def f():\n    from pickle import loads", "pickle"),
        ("from os import *", "star import"),
        ("from os import path, system", "os.system"),
        ("os.system('ls')", "os.system"),
        ("np.load(p, allow_pickle=True)", "allow_pickle"),
        ("np.load(p, allow_pickle=unsafe)", "allow_pickle"),
        ("torch.load(p, weights_only=False)", "weights_only=False"),
        ("@njit(cache=True, nogil=True)\ndef f(): pass", "numba's own cache"),
        ("numba.njit(cache=True)(f)", "numba's own cache"),
        ("torch.load(p)", "torch.load without weights_only=True"),
    ],
)
def test_a_forbidden_construct_is_found(source, what):
    assert [found.partition(": ")[2] for found in forbidden_constructs(ast.parse(source))] == [what]


def test_allowed_constructs_are_not_reported():
    source = """
import os.path, pickle
try:
    np.load(path, allow_pickle=False)
    torch.load(path, weights_only=True)
    numba.njit(nogil=True)(function)
except (ValueError, OSError, pickle.UnpicklingError) as error:
    raise FileError("text") from error
"""
    assert list(forbidden_constructs(ast.parse(source))) == []


def test_imports_are_found_anywhere_in_a_module():
    source = """
import numpy as np, train.data.dataset
def f():
    from hls_gen.header import x
    import importlib
    importlib.import_module("foldline.cli")
    importlib.import_module(name)
from . import y
"""
    assert imported_packages(ast.parse(source)) == {
        *("numpy", "train", "hls_gen", "importlib", "foldline", "computed import", "relative import")
    }


def test_imported_parts_of_foldline_are_found():
    source = "import foldline.cli\nfrom foldline import demo\ndef f():\n    from foldline.batch.inputs import named"
    assert imported_parts(ast.parse(source)) == {
        *(("cli", "foldline.cli"), ("demo", "foldline.demo"), ("batch", "foldline.batch.inputs"))
    }


def test_printing_and_long_functions_are_found():
    body = "    x = 1\n" * MAX_FUNCTION_LINES
    tree = ast.parse(f"def short():\n    print(1)\ndef full():\n{body}def long():\n{body}    print(2)\n")
    assert printing_lines(tree) == [2, len(body.splitlines()) * 2 + 5]
    assert long_functions(tree) == [f"{MAX_FUNCTION_LINES + 4}: long has {MAX_FUNCTION_LINES + 1} lines"]
