"""The docstrings of what the packages export describe every argument."""

import importlib
import inspect
from collections.abc import Iterator

import pytest

PACKAGES = ("datapath", "fixedpoint_sim", "hls_gen", "overlay_driver")


def functions(package: str) -> Iterator[tuple[str, object]]:
    """Exported functions and the public methods of exported classes, by name."""
    module = importlib.import_module(package)
    for name in module.__all__:
        exported = getattr(module, name)
        if inspect.isfunction(exported):
            yield name, exported
        elif inspect.isclass(exported):
            for part, value in vars(exported).items():
                function = getattr(value, "__func__", value)
                if not part.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{part}", function


def undescribed(function: object) -> list[str]:
    """Arguments that a docstring does not name, as ``:param x:`` or as `x` in a sentence."""
    text = function.__doc__ or ""
    names = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    return [name for name in names if f":param {name}:" not in text and f"`{name}`" not in text]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_argument_of_the_api_is_described(package):
    found = dict(functions(package))
    assert found
    assert {name: missing for name, function in found.items() if (missing := undescribed(function))} == {}


def test_an_argument_without_description_is_seen():
    def function(columns, limit, threads):
        """Compute with at most `threads`.

        :param columns: integers [T, I].
        """

    assert undescribed(function) == ["limit"]
