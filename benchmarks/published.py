"""Error rates of the five published LSTM-PYNQ networks on real lines: each is written as a weight header, imported from it
and simulated.

    python -m benchmarks.published [--data FOLDER]     FOLDER holds lstm-pynq/ and uw3-500/ (default $FOLDLINE_DATA,
                                                       else ../shared/data)
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.measuring import show_table
from datapath import fold
from foldline.compare.comparison import compare
from foldline.hardware.headers import import_design
from hls_gen import write_header
from tests.golden_data import PUBLISHED, data_folder, published_network
from train.data.dataset import read_dataset


def table_row(data: Path, name: str, folder: Path) -> tuple[str, str, str, str, str]:
    """CER, WER, exact lines, CER of the lines within the overlay's limits, and CER by greedy CTC, as the table has them."""
    header = folder / f"{name}.hpp"
    write_header(header, fold(published_network(data, name)))
    design = import_design(header, data / "lstm-pynq" / "alphabet.txt")
    lines = read_dataset(data / "uw3-500").validation
    greedy, overlay = compare(design, lines, ignore_limits=True).results
    _, within = compare(design, lines).results
    all_lines = f"{overlay.rates.cer:.2f}", f"{overlay.rates.wer:.1f}", str(overlay.rates.exact)
    return *all_lines, f"{within.rates.cer:.2f}", f"{greedy.rates.cer:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    data = parser.parse_args().data
    if not (data / "lstm-pynq").is_dir():
        parser.exit(1, f"The published networks are not in {data / 'lstm-pynq'}; name their folder with --data.\n")
    with tempfile.TemporaryDirectory() as folder:
        show_table(
            "Published networks, simulated, UW3-500 validation lines (--ignore-limits)",
            ("", "CER %", "WER %", "exact", "CER % within the overlay", "CER % greedy CTC"),
            ((name, *table_row(data, name, Path(folder))) for name in PUBLISHED),
        )


if __name__ == "__main__":
    main()
