"""Draws docs/rtl-passes.svg, the passes of the hidden layer on a line: `python docs/rtl_passes.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datapath import Design, Folding
from datapath.architecture import Architecture
from datapath.rtl_cycles import SPACING, RtlCycles, rtl_cycles

REPOSITORY = Path(__file__).resolve().parent.parent
DESIGN = REPOSITORY / "golden_vectors" / "designs" / "QLSTM128_W2B8A4I8_FC_W8B8.npz"
FOLDINGS = (
    Folding(pe=2, simd_input=32, simd_recurrent=128, pe_out=2),
    Folding(pe=16, simd_input=32, simd_recurrent=128, pe_out=8),
)
ROWS = ("direction 0", "direction 1", "output layer")
LEFT, WIDTH, ROW, CHART = 110, 730, 26, 142  # pixels: of the axis, and heights

HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {height}" role="img" aria-labelledby="title">
  <title id="title">Passes of the hidden layer and of the output layer over the clocks</title>
  <style>
    .panel {{ fill: #ffffff; }}
    .issue0 {{ fill: #4a6fb5; }}
    .issue1 {{ fill: #96682a; }}
    .pipeline0 {{ fill: #c3d3f2; }}
    .pipeline1 {{ fill: #f5dcb0; }}
    .axis {{ stroke: #8a93a3; stroke-width: 1; }}
    text {{ fill: #1f2937; font: 12px system-ui, "Segoe UI", "DejaVu Sans", Arial, sans-serif; }}
    .step {{ fill: #ffffff; font-size: 11px; text-anchor: middle; }}
    .tick {{ font-size: 11px; text-anchor: middle; }}
    .title {{ font-weight: 600; }}
    @media (prefers-color-scheme: dark) {{
      .panel {{ fill: #1e2129; }}
      .issue0 {{ fill: #5d86d6; }}
      .issue1 {{ fill: #a87632; }}
      .pipeline0 {{ fill: #2f4470; }}
      .pipeline1 {{ fill: #5c4724; }}
      .axis {{ stroke: #7d8798; }}
      text {{ fill: #e5e9f0; }}
    }}
  </style>
  <rect class="panel" width="860" height="{height}" rx="6" />"""


def architecture(folding: Folding) -> Architecture:
    """The drawn network in a folding."""
    return Architecture.of(Design.load(DESIGN)).refolded(folding)


def begins(cycles: RtlCycles, passes: int) -> list[tuple[int, int]]:
    """Clock in which it is decided that each pass begins, in the hidden and in the output layer; the first one's is 0."""
    hidden: list[int] = []
    classes: list[int] = []
    for k in range(passes):
        begin = k * cycles.words
        if k >= 1:
            begin = max(begin, hidden[k - 1] + max(cycles.issued, SPACING))
        if k >= 2:
            begin = max(begin, hidden[k - 2] + cycles.issued + cycles.latency)
        hidden.append(begin)
        scored = begin + cycles.issued + cycles.depth
        classes.append(max(scored, classes[-1] + cycles.class_blocks) if classes else scored)
    return list(zip(hidden, classes, strict=True))


def chart(top: int, folding: Folding, *, steps: int) -> Iterator[str]:
    """Elements of one chart."""
    cycles = rtl_cycles(architecture(folding))
    found = begins(cycles, 2 * steps)
    end = found[-1][1] + cycles.class_blocks
    scale = WIDTH / end

    def bar(row: int, kind: str, first: int, clocks: int) -> str:
        x, width = LEFT + first * scale, clocks * scale
        return (
            f'  <rect class="{kind}" x="{x:.1f}" y="{top + 24 + row * ROW}" width="{width:.1f}" height="{ROW - 6}" />'
        )

    def label(row: int, first: int, clocks: int, step: int) -> str:
        x = LEFT + (first + clocks / 2) * scale
        return f'  <text class="step" x="{x:.1f}" y="{top + 38 + row * ROW}">{step}</text>'

    wait = max(0, cycles.latency - cycles.issued)
    said = f"a step waits {wait} clocks" if wait else "no pass waits"
    yield (
        f'  <text class="title" x="14" y="{top + 14}">{folding}: a pass issues {cycles.issued} clocks, latency '
        f"{cycles.latency}; {said}</text>"
    )
    for row, name in enumerate(ROWS):
        yield f'  <text x="14" y="{top + 38 + row * ROW}">{name}</text>'
    for k, (begin, classes) in enumerate(found):
        step, direction = divmod(k, 2)
        yield bar(direction, f"pipeline{direction}", begin + cycles.issued, cycles.latency)
        yield bar(direction, f"issue{direction}", begin, cycles.issued)
        yield label(direction, begin, cycles.issued, step)
        yield bar(2, f"issue{direction}", classes, cycles.class_blocks)
        yield label(2, classes, cycles.class_blocks, step)
    y = top + 24 + len(ROWS) * ROW
    yield f'  <path class="axis" d="M{LEFT} {y} H{LEFT + WIDTH}" />'
    for tick in range(0, end, 50 if end > 200 else 20):
        x = LEFT + tick * scale
        yield f'  <path class="axis" d="M{x:.1f} {y} v4" />'
        yield f'  <text class="tick" x="{x:.1f}" y="{y + 17}">{tick}</text>'


def render() -> str:
    """The picture, as SVG."""
    lines = [HEAD.format(height=CHART * len(FOLDINGS) + 2)]
    for number, folding in enumerate(FOLDINGS):
        lines += chart(12 + number * CHART, folding, steps=3)
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    (REPOSITORY / "docs" / "rtl-passes.svg").write_text(render(), encoding="utf-8")
