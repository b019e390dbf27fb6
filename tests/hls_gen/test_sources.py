"""The C++ of a design as text: the same bytes each time, of all that it computes and of nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from datapath import Folding, Limits, Provenance
from datapath.errors import DesignError
from datapath.version import TOOL
from datapath.vivado.project import design_digest
from hls_gen.sources import library_files, render_sources
from tests.designs import random_design
from tests.strategies import designs

GENERATED = {"src/config.hpp", "src/tables.hpp", "src/top.cpp", "src/weights.hpp"}


@settings(max_examples=20, deadline=None)
@given(designs())
def test_equal_designs_give_equal_bytes_whoever_trained_them(design):
    other = replace(design, provenance=Provenance(author="another", source="elsewhere", tool="none"))
    assert render_sources(other) == render_sources(design)
    assert list(render_sources(other)) == list(render_sources(design))


def test_generated_files_have_the_banner_and_the_library_is_the_same_in_every_project():
    design = random_design(1)
    first, second = render_sources(design), render_sources(random_design(2, hidden=8))
    mark = design_digest(design)[:16]
    assert {path for path, text in first.items() if mark in text.partition("\n")[0]} == GENERATED
    assert all(TOOL in first[path].partition("\n")[0] for path in GENERATED)
    assert {path for path in first if first[path] == second[path]} == first.keys() - GENERATED == set(library_files())


def test_the_digest_is_of_everything_that_is_generated():
    design = random_design(1, hidden=4, peepholes=(8, 3))
    weights = design.fc_biases.copy()
    weights[1, 2] ^= 1
    others = (
        design.refolded(Folding(pe=2, simd_input=1, simd_recurrent=1)),
        replace(design, limits=Limits(columns=731)),
        replace(design, limits=Limits(labels=94)),
        replace(design, fc_biases=weights),
        replace(design, peepholes=None),
        random_design(1, hidden=4, peepholes=(8, 2)),
    )
    assert len({design_digest(other) for other in (design, *others)}) == 7
    assert len({render_sources(other)["src/top.cpp"].splitlines()[0] for other in (design, *others)}) == 7


@pytest.mark.parametrize("limit", ["columns", "labels"])
def test_a_limit_that_exceeds_the_counters_is_refused(limit):
    design = random_design(1, limits=Limits(**{limit: 32768}))
    with pytest.raises(DesignError) as error:
        render_sources(design)
    assert str(error.value).startswith(f"The limit of {limit} is 32768; the kernel takes 1 to 32767: ")
    assert render_sources(replace(design, limits=Limits(**{limit: 32767})))
