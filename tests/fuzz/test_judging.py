"""The fuzzers find what they look for: readers with a fault each, and a campaign over them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.formats import Format
from tests.fuzz.mutations import BYTES, JSON, TEXT
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2

FAULTS = {
    "traceback": ["traceback"],
    "memory": ["memory"],
    "declared": ["memory"],
    "message": ["message", "message"],
    "meaning": ["meaning"],
    "program": ["program", "traceback"],
    "file": ["file"],
    "pickle": ["pickle"],
    "crash": ["crash"],
    "refused": [],
    "quiet": [],
    "accepted": [],
}
"""What a reader of this name does (see `PROGRAM`), and the faults that are found."""

PROGRAM = """
import os, pickle, subprocess, sys
from functools import partial
from pathlib import Path
from datapath.errors import DataError
from tests.fuzz import campaign, judging
from tests.fuzz.formats import Format, OtherMeaningError, RefusedQuietly
from tests.fuzz.mutations import flip_bits

folder, inputs, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
seconds = 0.5 if names == ["hang"] else 300.0
held = []

class LongError(DataError):
    def __str__(self):
        return "\\x1b[2J" + "y" * 9000

def read(data, scratch, *, name):
    match name:
        case "traceback":
            raise KeyError(data)
        case "hang":
            while True:
                pass
        case "memory":
            held.append(bytearray(b"x") * (700 << 20))
        case "declared":
            try:
                bytearray(1 << 46)
            except MemoryError as error:
                raise DataError("It is too large.") from error
        case "message":
            raise LongError("x")
        case "meaning":
            raise OtherMeaningError("width: 3 but 4")
        case "program":
            subprocess.run(["true"])
        case "file":
            (folder / "outside").write_text("x")
        case "pickle":
            pickle.loads(b"cos\\ngetcwd\\n.")
        case "crash":
            os.abort()
        case "refused":
            raise DataError("It is refused.")
        case "quiet":
            raise RefusedQuietly

formats = {
    name: Format(name=name, untouched=lambda: [b"abcdefgh"], read=partial(read, name=name), mutators=(flip_bits,))
    for name in names
}
campaign.prepare = lambda format: None  # which reads what a reader here may not survive
judging.Judge.__init__.__kwdefaults__.update(seconds=seconds, memory=600 << 20)
run = campaign.Campaign(formats, folder / "state", jobs=1, log=lambda text: None)
run.run(inputs=inputs, least=0, minutes=None)
for name in names:
    print(name, sorted(kind for format, kind, _ in run.places if format == name), run.done[name], flush=True)
"""


def campaign_of(tmp_path: Path, names: list[str], inputs: int) -> list[str]:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(inputs), ",".join(names)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_each_fault_of_a_reader_is_found_and_the_campaign_goes_on(tmp_path):
    found = campaign_of(tmp_path, list(FAULTS), 2 * len(FAULTS))
    assert found == [f"{name} {faults} 2" for name, faults in FAULTS.items()]


def test_an_input_that_takes_too_long_is_found_and_the_campaign_goes_on(tmp_path):
    assert campaign_of(tmp_path, ["hang"], 2) == ["hang ['hang'] 2"]


def test_a_campaign_goes_on_behind_its_last_batch_and_writes_faults_down(tmp_path):
    assert campaign_of(tmp_path, ["traceback"], 2) == ["traceback ['traceback'] 2"]
    assert campaign_of(tmp_path, ["traceback"], 5) == ["traceback ['traceback'] 5"]
    batches = [json.loads(line) for line in (tmp_path / "state" / "batches.jsonl").read_text().splitlines()]
    counts = [(one["start"], one["count"], one["accepted"], one["faults"]) for one in batches]
    assert counts == [(0, 2, 0, 2), (2, 3, 0, 3)]
    faults = [json.loads(line) for line in (tmp_path / "state" / "faults.jsonl").read_text().splitlines()]
    assert [one["number"] for one in faults] == [0, 1, 2, 3, 4]
    assert "KeyError" in faults[0]["detail"]
    format = Format(name="traceback", untouched=lambda: [b"abcdefgh"], read=None, mutators=BYTES[:1])
    assert (tmp_path / "state" / "inputs" / "traceback-traceback-0-3").read_bytes() == format.mutant(0, 3)


@pytest.mark.parametrize(
    ("untouched", "mutators"),
    [(b'{"a": [1, {"b": "text"}], "c": null}', JSON), (b"one 1\ntwo 2.5\n", TEXT), (bytes(range(64)), BYTES)],
)
def test_mutants_differ_from_their_file_and_are_the_same_each_time(untouched, mutators):
    format = Format(name="x", untouched=lambda: [untouched], read=None, mutators=mutators)
    again = Format(name="x", untouched=lambda: [untouched], read=None, mutators=mutators)
    mutants = [format.mutant(7, number) for number in range(200)]
    assert untouched not in mutants
    assert len(set(mutants)) > 100
    assert [again.mutant(7, number) for number in range(200)] == mutants
    assert format.mutant(8, 0) != mutants[0]
