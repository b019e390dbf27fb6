"""An `Inspection` as text: titles, counts and percentages, the table on a terminal, one JSON object."""

from __future__ import annotations

from collections.abc import Callable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datapath.design import Design
from datapath.formats import Format, Overflow
from datapath.quoting import displayed
from fixedpoint_sim import Inspection, Quantity

TITLES = {
    "pixel": "pixel x",
    "input_product": "input product",
    "recurrent_product": "hidden product",
    **{f"accumulator_{gate}": f"accumulator {gate}" for gate in "ifgo"},
    **{f"peephole_product_{gate}": f"peephole p_{gate} * c" for gate in "ifo"},
    **{f"peephole_sum_{gate}": f"peephole sum {gate}" for gate in "ifo"},
    **{f"sigmoid_{end}_{gate}": f"sigmoid {end} {gate}" for end in ("input", "output") for gate in "ifo"},
    **{f"tanh_{end}_{unit}": f"tanh {end} {unit}" for end in ("input", "output") for unit in "gc"},
    "i_times_g": "i * g",
    "f_times_c": "f * c",
    "cell_state": "cell state c",
    "hidden": "hidden output h",
    "fc_product": "FC product",
    "fc_sum": "FC sum",
    "class_score": "class score",
}
"""Title of each quantity."""

PRODUCTS = ("input_product", "recurrent_product", "i_times_g", "f_times_c", "hidden", "fc_product")
ROUNDED = (*PRODUCTS, *(f"peephole_product_{gate}" for gate in "ifo"))
"""Quantities that lose fraction bits; the others are exact or change only their integer bits."""

NOT_APPLICABLE = "·"

HEADINGS = (
    *("quantity", "type", "values", "lowest", "highest", "bits used"),
    *("wrapped", "saturated", "rounded", "clipped"),
)
TEXT_COLUMNS = 2
"""Columns of a table of quantities, of which the first ones are text."""


def type_text(format: Format) -> str:
    """The type as in the specification: ``fixed<16,8>``."""
    return f"{'fixed' if format.signed else 'ufixed'}<{format.bits},{format.integer}>"


def whole_type_text(format: Format) -> str:
    """The type with its overflow mode: ``fixed<16,8> WRAP``."""
    return f"{type_text(format)} {format.overflow.name}"


def real_text(raw: int | None, format: Format) -> str:
    """A raw value as a real number with at most 3 decimals; ``-`` for None."""
    if raw is None:
        return "-"
    return f"{raw * format.step:.3f}".rstrip("0").removesuffix(".")


def share_text(count: int, values: int) -> str:
    """A count as a percentage of the values; only 0 and all values become ``0`` and ``100%``.

    >>> [share_text(count, 1_000_000) for count in (0, 1, 123_456, 999_999, 1_000_000)]
    ['0', '<0.01%', '12.35%', '>99.99%', '100%']
    """
    if not count:
        return "0"
    if count == values:
        return "100%"
    percent = 100 * count / values
    if percent < 0.01:
        return "<0.01%"
    return ">99.99%" if percent > 99.99 else f"{percent:.2f}%"


def events_of(quantity: Quantity) -> dict[str, int | None]:
    """Counts of events by table column; None if an event cannot occur for this quantity."""
    wraps = quantity.format.overflow is Overflow.WRAP
    rounds = quantity.name in ROUNDED
    return {
        "wrapped": quantity.wrapped if wraps else None,
        "saturated": None if wraps else quantity.saturated,
        "rounded": quantity.inexact if rounds else None,
        "ties": quantity.ties if rounds else None,
        "entry 0": quantity.entry_first,
        "entry 255": quantity.entry_last,
        "clipped": quantity.clipped,
    }


def cells_of(
    quantity: Quantity, count_text: Callable[[int, int], str], number: Callable[[int], str] = str
) -> dict[str, str]:
    """Table cells of a quantity by heading, with texts of (count, values) and of the number of values.

    A cell is `NOT_APPLICABLE` if its event cannot occur.
    """
    events, format = events_of(quantity), quantity.format
    return {
        "quantity": TITLES[quantity.name],
        "type": whole_type_text(format),
        "values": number(quantity.values),
        "lowest": real_text(quantity.low, format),
        "highest": real_text(quantity.high, format),
        "bits used": f"{quantity.used_bits:.1f} of {format.bits}",
        **{name: NOT_APPLICABLE if n is None else count_text(n, quantity.values) for name, n in events.items()},
    }


def show_inspection(console: Console, inspection: Inspection, *, title: str) -> None:
    """Print the table of quantities under a title, and an explanation of its columns."""
    table = Table(title=Text(displayed(title)), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if index < TEXT_COLUMNS else "right", no_wrap=True)
    for quantity in inspection.quantities:
        cells = cells_of(quantity, share_text) | {"type": type_text(quantity.format)}
        table.add_row(*(cells[heading] for heading in HEADINGS))
    console.print(table)
    console.print(
        "Bits used: without the lowest bits that are always 0. Rounded: values that rounding changed. Clipped: values that "
        "read the first or the last entry of a table.",
        highlight=False,
    )


def inspection_json(inspection: Inspection, design: Design, *, name: str, picture: str) -> dict:
    """The inspection as JSON values, with the line's name and the path of the picture."""
    limits = inspection.trace.exceeded
    exceeded = [{"limit": limit.name, "actual": limit.actual, "allowed": limit.allowed} for limit in limits]
    return {
        "name": name,
        "experiment": str(design.experiment),
        "picture": picture,
        "columns": len(inspection.columns),
        "text": design.text_form.shown(inspection.trace.text),
        "labels": inspection.trace.labels.tolist(),
        "exceeded": exceeded,
        "best": inspection.best.tolist(),
        "columns_without_positive_score": [int(t) for t in (~inspection.positive).nonzero()[0]],
        "emitted_at": inspection.emitted_at.tolist(),
        "quantities": [_quantity_json(quantity) for quantity in inspection.quantities],
    }


def _quantity_json(quantity: Quantity) -> dict:
    format = quantity.format
    counts = ("values", "low", "high", "low_before", "high_before", "below", "above", "wrapped", "saturated", "inexact")
    return {
        "name": quantity.name,
        "type": {
            "bits": format.bits,
            "integer": format.integer,
            "signed": format.signed,
            "rounding": format.rounding.name,
            "overflow": format.overflow.name,
            "min": format.min,
            "max": format.max,
        },
        **{name: getattr(quantity, name) for name in (*counts, "ties", "entry_first", "entry_last", "idle_low_bits")},
        "used_bits": quantity.used_bits,
        "edges": quantity.edges.tolist(),
        "histogram": quantity.histogram.tolist(),
    }
