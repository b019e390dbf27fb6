"""Tables of results as CSV and as LaTeX."""

import csv
import io
import shutil
import subprocess

import pytest

from datapath.errors import ConfigError
from foldline.report.tables import Column, Table, WithInterval, csv_text, tex_text, write_table

pytestmark = pytest.mark.no_numpy2

NAME = Column(title="network")
RATE = Column(title="CER", unit="%", digits=2, interval=True)
SPEED = Column(title="columns", unit="1/s")
COLUMNS = (NAME, RATE, SPEED, Column(title="change", digits=1), Column(title="fits"))
HOSTILE = '\\a_b {50%} $x$ #1 & ~^ <|> "--" \'é`'
ROWS = (
    ("W2A4", WithInterval(value=1.638986, low=0.55, high=3.104), 175_000, -0.25, True),
    (HOSTILE, None, 20_000.5, None, False),
    ("[1] a\nb", WithInterval(value=0.0, low=0.0, high=0.004), None, 1, None),
    ("few", WithInterval(value=2.0, low=None, high=None), 1234, -12345.67, None),
)
TABLE = Table(columns=COLUMNS, rows=ROWS, notes=("CER: 95 % intervals\nover lines.",))


def test_csv_has_every_digit_and_a_column_for_each_end_of_an_interval():
    rows = list(csv.reader(io.StringIO(csv_text(TABLE))))
    assert rows == [
        ["network", "CER (%)", "CER low (%)", "CER high (%)", "columns (1/s)", "change", "fits"],
        ["W2A4", "1.638986", "0.55", "3.104", "175000", "-0.25", "yes"],
        [HOSTILE, "", "", "", "20000.5", "", "no"],
        ["[1] a\nb", "0.0", "0.0", "0.004", "", "1", ""],
        ["few", "2.0", "", "", "1234", "-12345.67", ""],
    ]


def test_latex_escapes_texts_and_rounds_numbers():
    lines = tex_text(TABLE).splitlines()
    assert lines[:2] == [r"% \usepackage{booktabs}", "% CER: 95 % intervals over lines."]
    assert lines[2].startswith("% Not all characters are ASCII")
    assert lines[3:] == [
        r"\begin{tabular}{lrrrl}",
        r"\toprule",
        r"network & CER (\%) & columns (1/s) & change & fits \\",
        r"\midrule",
        r"W2A4 & 1.64 [0.55, 3.10] & 175\,000 & $-$0.2 & yes \\",
        r"\textbackslash{}a\_b \{50\%\} \$x\$ \#1 \& \textasciitilde{}\textasciicircum{} \textless{}\textbar{}\textgreater{} "
        r"''-{-}'' 'é` & -- & 20\,000 & -- & no \\",
        r"{}[1] a b & 0.00 [0.00, 0.00] & -- & 1.0 & -- \\",
        r"few & 2.00 & 1234 & $-$12\,345.7 & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    write_table(tmp_path, TABLE)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{table.tex}\\end{document}"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_names_that_are_not_utf_8_are_spelled_out(tmp_path):
    table = Table(columns=(NAME,), rows=(("two\udcff",),))
    csv_path, tex_path = write_table(tmp_path, table, name="rates")
    assert csv_path.read_text(encoding="utf-8") == "network\ntwo\\udcff\n"
    assert r"two\textbackslash{}udcff \\" in tex_path.read_text(encoding="utf-8")


def test_latex_can_have_fewer_columns():
    table = Table(columns=(NAME, Column(title="lines", in_tex=False)), rows=(("W2A4", 100),))
    assert "lines" not in tex_text(table) and r"W2A4 \\" in tex_text(table)
    assert csv_text(table) == "network,lines\nW2A4,100\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("a",), "row 1 has 1 cells; the table has 2 columns."),
        (("a", 1.5), "row 1 has 1.5 for 'CER'; it must be a number with an interval."),
        ((WithInterval(value=1, low=0, high=2), None), "for 'network'; it must be a text or a number."),
    ],
)
def test_rows_must_suit_the_columns(row, message):
    with pytest.raises(ConfigError) as caught:
        Table(columns=(NAME, RATE), rows=(row,))
    assert message in str(caught.value)
