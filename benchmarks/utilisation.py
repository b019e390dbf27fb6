"""The resource model against the published utilisations: fitted to all four, and each predicted from the other three.

    python -m benchmarks.utilisation

`hls_gen.resources.estimate.SCALES` is this fit, rounded: least squares of the relative errors, a straight line through
the LUTs and a ratio for the flip-flops. Block RAM and DSP have no fitted number; their rules were chosen with all four
builds known, so that the prediction is no independent test of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.cycles import Row
from datapath.manifest import Kernel
from datapath.published import PUBLISHED, PublishedOverlay
from foldline.hardware.estimate import RESOURCE_TITLES
from hls_gen.resources.estimate import SCALES, Scales, estimate_resources, kernel_parts


def fit(overlays: Sequence[PublishedOverlay]) -> Scales:
    """Scales fitted to the utilisations of overlays."""
    parts = [kernel_parts(overlay.architecture, Kernel.PUBLISHED) for overlay in overlays]
    tables = np.array([sum(part.luts for part in of_one) for of_one in parts], dtype=float)
    bits = np.array([sum(part.bits for part in of_one) for of_one in parts], dtype=float)
    luts = np.array([overlay.luts for overlay in overlays], dtype=float)
    ffs = np.array([overlay.ffs for overlay in overlays], dtype=float)
    per_table, fixed = _relative_least_squares(np.stack([tables, np.ones_like(tables)], axis=1), luts)
    (per_bit,) = _relative_least_squares(bits[:, None], ffs)
    return Scales(luts_per_table=round(per_table, 3), fixed_luts=round(fixed), ffs_per_bit=round(per_bit, 3))


def _relative_least_squares(terms: np.ndarray, values: np.ndarray) -> list[float]:
    return np.linalg.lstsq(terms / values[:, None], np.ones_like(values), rcond=None)[0].tolist()


def rows() -> Iterator[tuple[str, Row]]:
    """Name of a resource, and Vivado's count with its estimate: the four overlays, resource by resource."""
    for overlay in PUBLISHED:
        others = [one for one in PUBLISHED if one is not overlay]
        estimate = estimate_resources(overlay.architecture, Kernel.PUBLISHED).total
        predicted = estimate_resources(overlay.architecture, Kernel.PUBLISHED, fit(others)).total
        for resource in RESOURCE_TITLES:
            measured, modelled, left_out = (getattr(source, resource) for source in (overlay, estimate, predicted))
            yield resource, Row(name=overlay.name, measured=measured, modelled=modelled, predicted=left_out)


def main() -> None:
    print(f"Fitted to all four: {fit(PUBLISHED)}; in use: {SCALES}\n")
    print("| overlay | | published | estimate | off | predicted without it | off |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for resource, row in rows():
        print(
            f"| {row.name} | {RESOURCE_TITLES[resource]} | {row.measured:g} | {row.modelled:g} | "
            f"{row.error(row.modelled):+.1f} % | {row.predicted:g} | {row.error(row.predicted):+.1f} % |"
        )
    print("\nLUT of each stage:\n")
    estimates = [estimate_resources(overlay.architecture, Kernel.PUBLISHED) for overlay in PUBLISHED]
    print(f"| | {' | '.join(overlay.name for overlay in PUBLISHED)} |")
    print(f"| --- |{' --- |' * len(PUBLISHED)}")
    for blocks in zip(*(one.blocks for one in estimates), strict=True):
        print(f"| {blocks[0].title} | {' | '.join(str(block.resources.luts) for block in blocks)} |")


if __name__ == "__main__":
    main()
