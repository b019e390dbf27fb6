"""The machine code of the simulator's hot loops: which vector instructions LLVM made of them on this machine.

    python -m benchmarks.assembly [--listing]

Counts the instructions of the loop that multiplies, per kernel; --listing prints it.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections import Counter

import numpy as np

LANES = 512


def hot_loop(assembly: str) -> list[str]:
    """The basic block (label to jump) with the most multiplications, as instructions without comments."""
    blocks, block = [], []
    for line in assembly.splitlines():
        text = line.split("#")[0].strip()
        is_label = re.match(r"^\.?L?[\w.]+:$", text)
        if text and not is_label and not text.startswith("."):
            block.append(re.sub(r"\s+", " ", text))
        if is_label or text.startswith("j"):
            blocks.append(block)
            block = []
    blocks.append(block)
    return max(blocks, key=lambda lines: sum("pmull" in line for line in lines))


def main() -> None:
    """Print per kernel the vector instructions per pass over its lanes, and the products they make."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listing", action="store_true")
    options = parser.parse_args()
    # A kernel from the compilation cache has no assembly, so this process compiles it.
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="foldline-assembly-")
    from fixedpoint_sim import kernels

    for name, shift, to_even, dtype in (
        ("exact", 0, False, np.int8),
        ("half to zero", 2, False, np.int16),
        ("half to even", 2, True, np.int16),
    ):
        adder = kernels.adder(shift, to_even=to_even)
        rows = np.arange(kernels.ROWS_PER_PASS)
        adder(np.zeros(LANES, np.int16), rows.astype(np.int16), rows, len(rows), np.zeros((len(rows), LANES), dtype))
        loop = hot_loop(next(iter(adder.inspect_asm().values())))
        counts = Counter(line.split()[0] for line in loop)
        wide = "zmm" if any("zmm" in line for line in loop) else "ymm" if any("ymm" in line for line in loop) else "xmm"
        lanes = {"zmm": 32, "ymm": 16, "xmm": 8}[wide]
        products = sum(count for op, count in counts.items() if op.startswith("vpmullw")) * lanes
        print(f"{name} on {np.dtype(dtype).name} weights: {len(loop)} instructions for {products} products in {wide}")
        print("   " + ", ".join(f"{count} {op}" for op, count in counts.most_common()))
        if options.listing:
            print("\n".join(f"      {line}" for line in loop))


if __name__ == "__main__":
    main()
