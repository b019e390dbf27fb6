"""Errors carry where they arose."""

import importlib
import pickle

import pytest

from datapath.errors import DataError, FoldlineError, HeaderError, ImageError


def subclasses(kind):
    return [one for child in kind.__subclasses__() for one in (child, *subclasses(child))]


@pytest.mark.parametrize("kind", [FoldlineError, *subclasses(FoldlineError)])
def test_an_error_within_a_context_is_of_the_same_class(kind):
    error = kind("It is empty.").within("columns of line 3")
    assert type(error) is kind
    assert str(error) == "columns of line 3: It is empty."
    assert error.contexts == ("columns of line 3",)


def test_contexts_nest_and_none_is_named_twice():
    error = DataError("It is empty.").within("column 3").within("a.png").within("a.png").within("column 3")
    assert str(error) == "a.png: column 3: It is empty."
    assert error.contexts == ("a.png", "column 3")


def test_a_context_is_added_where_the_message_holds_the_same_word_by_chance():
    """A line named "1" and a message with a 1 in it."""
    assert str(DataError("The columns have shape [1, 2].").within("1")) == "1: The columns have shape [1, 2]."


def test_a_context_that_the_message_names_is_not_repeated(tmp_path):
    path = tmp_path / "a.png"
    error = ImageError(f"Cannot read {path}: no such file.", about=path)
    assert str(error.within(path)) == str(error.within(str(path))) == f"Cannot read {path}: no such file."
    assert str(error.within("line 3")) == f"line 3: Cannot read {path}: no such file."
    assert error.within("line 3").within(path).contexts == ("line 3", str(path))


def test_the_error_itself_stays_as_it_is():
    """Also where dask is loaded, which changes how exceptions are copied."""
    importlib.import_module("distributed")
    error = DataError("It is empty.")
    assert error.within("a.png") is not error
    assert (str(error), error.contexts) == ("It is empty.", ())


def test_contexts_go_to_another_process():
    error = pickle.loads(pickle.dumps(HeaderError("It ends early.", about="x.hpp").within("line 3")))
    assert (type(error), str(error), error.contexts) == (HeaderError, "line 3: It ends early.", ("line 3", "x.hpp"))
