"""The project uses no private attribute or module of Optuna."""

import ast
import inspect

import optuna
import pytest
from optuna.storages import RDBStorage

from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2

SOURCES = [
    path
    for path in sorted(REPOSITORY.rglob("*.py"))
    if not any(part.startswith(".") or part == "build" for part in path.relative_to(REPOSITORY).parts)
]


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_attributes() -> set[str]:
    """Names of private attributes of Optuna's public classes: of the classes themselves, and those that they assign."""
    classes = {optuna.Study, optuna.Trial, optuna.trial.FrozenTrial, RDBStorage, type(optuna.create_study().sampler)}
    classes |= {base for one in classes for base in one.__mro__ if base.__module__.startswith("optuna")}
    assigned = {
        node.attr
        for one in classes
        for node in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(one))))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    return {name for name in assigned.union(*map(dir, classes)) if private(name)}


INTO_THE_STORAGE = {"_storage", "_trial_id", "_study_id"}
"""No module may use these of a study that it was given, whether it imports Optuna or not."""


def uses_of_private_names(source: str, attributes: set[str]) -> list[str]:
    """What a module uses of Optuna that is private, as `line: name`."""
    if not any(name in source for name in ("optuna", *INTO_THE_STORAGE)):
        return []  # most modules: they need not be parsed
    tree = ast.parse(source)
    if not any(
        "optuna" in ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)
    ):
        attributes = attributes & INTO_THE_STORAGE
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0] == "optuna":
                parts = [*module.split("."), *(alias.name for alias in names)]
                found += [(node.lineno, name) for name in parts if private(name)]
            case ast.Import(names=names):
                modules = [alias.name.split(".") for alias in names if alias.name.partition(".")[0] == "optuna"]
                found += [(node.lineno, name) for parts in modules for name in parts if private(name)]
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass  # no class here is derived from one of Optuna, see below
            case ast.Attribute(value=value, attr=name) if private(name):
                if name in attributes or ast.unparse(value).partition(".")[0] == "optuna":
                    found.append((node.lineno, name))
            case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[_, ast.Constant(value=str(name)), *_]):
                if name in attributes:
                    found.append((node.lineno, name))
            case ast.ClassDef(bases=bases) if any("optuna" in ast.unparse(base) for base in bases):
                found.append((node.lineno, node.name))
    return [f"{line}: {name}" for line, name in sorted(found)]


@pytest.fixture(scope="module")
def attributes() -> set[str]:
    return private_attributes()


def test_private_attributes_of_optuna_are_known(attributes):
    assert {"_storage", "_trial_id", "_study_id", "_suggest", "_get_stale_trial_ids"} <= attributes


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_private_name_of_optuna_is_used(path, attributes):
    assert uses_of_private_names(path.read_text(encoding="utf-8"), attributes) == []


@pytest.mark.parametrize(
    "source",
    [
        "study._storage.get_trial(0)",
        "trial._trial_id",
        "import optuna\nstudy._get_trials()",
        "import optuna._callbacks",
        "import optuna\noptuna.storages._rdb",
        "from optuna.storages._rdb import storage",
        "from optuna.storages import _CachedStorage",
        "getattr(study, '_storage')",
        "import optuna\nclass Own(optuna.Study): pass",
    ],
)
def test_a_private_name_is_found(source, attributes):
    assert len(uses_of_private_names(source, attributes)) == 1


def test_public_names_and_the_projects_own_private_ones_are_allowed(attributes):
    source = "import optuna\nself._study.get_trials()\noptuna.create_study()\nmodule._own\ngetattr(study, 'trials')"
    assert uses_of_private_names(source, attributes) == []
