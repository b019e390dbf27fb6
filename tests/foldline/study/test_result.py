"""A study as it is shown: front, cheapest network, text and JSON."""

import subprocess
import sys

from foldline.study.result import reference_curves
from foldline.study.table import study_json, study_report
from tests.foldline.study.studies import NAME, at_once, join, read, work
from tests.golden_data import REPOSITORY


def test_the_front_holds_what_no_other_beats_in_error_rate_and_share(storage):
    work(join(storage, trials=8), at_once)
    study = read(storage)
    pairs = {trial.number: (trial.error_rates.cer, trial.point.share) for trial in study.complete}
    for trial in study.complete:
        mine = pairs[trial.number]
        beaten = any(a <= mine[0] and b <= mine[1] and (a, b) != mine for a, b in pairs.values())
        if trial in study.front:
            assert not beaten
        else:
            assert beaten or mine in [pairs[one.number] for one in study.front]
    assert list(study.front) == sorted(study.front, key=lambda trial: trial.error_rates.cer)
    assert study.cheapest(0.01) is None
    cheapest = study.cheapest(5.0)
    assert cheapest.error_rates.cer <= 5.0
    assert cheapest.point.share == min(share for cer, share in pairs.values() if cer <= 5.0)


def test_the_report_names_the_cheapest_network_that_reads_well_enough_and_how_to_export_it(storage):
    work(join(storage, trials=8), at_once)
    study = read(storage)
    text = list(study_report(study, max_cer=5.0, complete=False))
    cheapest = study.cheapest(5.0)
    folding = cheapest.point.folding
    assert text[0] == "Study tiny: 1000 columns/s on TUL PYNQ-Z2 at 100 MHz, rtl kernel, tiny."
    assert text[1] == (
        f"8 of 8 trials finished (8 complete). The Pareto front in CER and share of the board has {len(study.front)}."
    )
    assert (
        "CER and WER are simulated (overlay labels, all validation lines), columns/s modelled, resources estimated."
        in text
    )
    assert text[-2].startswith(
        f"The cheapest network with a CER of at most 5 %: trial {cheapest.number}, {cheapest.choice.name}, "
    )
    assert text[-1] == (
        "  foldline export runs/it/design.npz --project project --kernel rtl --board pynq-z2 --clock-mhz 100 "
        f"--pe {folding.pe} --simd-input {folding.simd_input} --simd-recurrent {folding.simd_recurrent} "
        f"--pe-out {folding.pe_out}"
    )
    best = study.front[0]
    assert list(study_report(study, max_cer=0.1, complete=False))[-1] == (
        f"No network has a CER of at most 0.1 %; the best is trial {best.number}, {best.choice.name}, with "
        f"{best.error_rates.cer:.2f} %."
    )


def test_a_study_as_json_has_every_trial(storage):
    work(join(storage, trials=3), at_once)
    study = read(storage)
    found = study_json(study, max_cer=0.01)
    assert found["finished"] == 3
    assert found["cheapest"] is None
    assert [trial["network"] for trial in found["trials"]] == [trial.choice.name for trial in study.trials]
    assert found["front"] == [trial.number for trial in study.front]
    for shown, trial in zip(found["trials"], study.trials, strict=True):
        assert shown["point"]["luts"] == trial.point.resources.luts
        assert shown["error_rates"]["cer"] == trial.error_rates.cer


READ = """
import sys
from foldline.study.result import read_study
study = read_study(sys.argv[1], sys.argv[2])
heavy = {"torch", "numba", "matplotlib", "click", "rich"} & set(sys.modules)
sys.exit(f"it imports {heavy}" if heavy else len(study.finished) - 2)
"""


def test_a_study_is_read_without_torch(storage):
    work(join(storage, trials=2), at_once)
    command = [sys.executable, "-W", "error", "-c", READ, NAME, str(storage)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_network_is_compared_with_those_that_take_no_more_of_the_board(storage):
    study = join(storage, trials=1)
    work(study, at_once)
    share = read(storage).trials[0].point.share
    assert len(reference_curves(study, share=share)) == 1
    assert reference_curves(study, share=share - 1e-9) == []


def test_the_cheapest_network_may_have_exactly_the_highest_cer(storage):
    work(join(storage, trials=1), at_once)
    study = read(storage)
    cer = study.trials[0].error_rates.cer
    assert study.cheapest(cer) is study.trials[0]
    assert study.cheapest(cer - 1e-9) is None
