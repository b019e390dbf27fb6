"""Training: checkpoints of every kind, hyperparameters, the record of a recipe, the curves of a run, settings of a study."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import torch

from datapath import Alphabet, Limits
from foldline.recipe import RecipeStart
from foldline.report.curves import read_curves
from foldline.study.settings import StudySettings, preset_of
from foldline.sweep.results import NetworkResult
from foldline.sweep.settings import SweepSettings
from tests.foldline.sweep import sweeps
from tests.fuzz.archives import in_pickle, in_zip
from tests.fuzz.formats import Format, OtherMeaningError
from tests.fuzz.kinds.checks import decoded, plain, require, require_clean, require_equal, written
from tests.fuzz.mutations import BYTES, JSON
from tests.golden_data import REPOSITORY
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.record import DataRecord
from train.model import Recogniser
from train.original import load_checkpoint

torch.set_num_threads(1)

ORIGINAL = REPOSITORY / "tests" / "cases" / "original-checkpoint" / "epoch_best_cer.tar"
SYMBOLS = ("", "a", "b", "c", " ")


# Checkpoints -------------------------------------------------------------------------------------------------------


def _checkpoint(hyperparameters: Hyperparameters, **changes: object) -> bytes:
    torch.manual_seed(1)
    values = {
        "hyperparameters": hyperparameters,
        "alphabet": Alphabet(SYMBOLS),
        "model": Recogniser(hyperparameters, len(SYMBOLS)).state_dict(),
        "optimiser": None,
        "epoch": 3,
        "batch": 1,
        "loss_sum": 2.5,
        "best_cer": 50.0,
        "best_wer": 12.5,
        "rng": torch.arange(16, dtype=torch.uint8),
        "provenance": {"command": "foldline train", "text_order": "picture"},
    }
    with tempfile.TemporaryDirectory() as folder:
        Checkpoint(**{**values, **changes}).save(Path(folder) / "run.pt")
        return (Path(folder) / "run.pt").read_bytes()


@cache
def _checkpoints() -> tuple[bytes, ...]:
    optimiser = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    record = DataRecord.of(tiny.dataset())
    return (
        _checkpoint(tiny.quantized(layer_size=2, target_height=4)),
        _checkpoint(tiny.hyperparameters(layer_size=2, target_height=4), optimiser=optimiser, data=record),
    )


def _read_checkpoint(data: bytes, folder: Path) -> object:
    path = written(folder, "run.pt", data)
    found = Checkpoint.load(path)
    held = _by_torch(data)
    if held is None:
        return None
    for name in ("epoch", "batch", "loss_sum", "best_cer", "best_wer", "provenance"):
        require_equal(name, plain(getattr(found, name)), plain(held[name]))
    require_equal("alphabet", list(found.alphabet.symbols), held["alphabet"])
    given = held["hyperparameters"]
    require_equal("hyperparameters", {name: asdict(found.hyperparameters)[name] for name in given}, given)
    _require_same_weights(found.model, held["model"])
    found.recogniser()
    found.save(folder / "again.pt")
    again = Checkpoint.load(folder / "again.pt")
    require_equal("data", again.data, found.data)
    _require_same_weights(again.model, found.model)
    return None


def _require_same_weights(found: dict, expected: dict) -> None:
    require_equal("names of weights", sorted(found), sorted(expected))
    for name, weights in expected.items():
        same = (
            weights.shape == found[name].shape
            and weights.float().numpy().tobytes() == found[name].float().numpy().tobytes()
        )
        require(same, f"weights {name}", found[name], weights)


def _state() -> dict[str, torch.Tensor]:
    """The weights of a small float network, by torch's own names."""
    torch.manual_seed(2)
    lstm, linear = torch.nn.LSTM(4, 2, bidirectional=True), torch.nn.Linear(4, len(SYMBOLS))
    return OrderedDict(
        [(f"rnn.{k}", v.detach()) for k, v in lstm.state_dict().items()]
        + [(f"out.{k}", v.detach()) for k, v in linear.state_dict().items()]
    )


def _torch_saved(content: object, *, legacy: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@cache
def _foreign(legacy: bool) -> tuple[bytes, ...]:
    values = {"layer_size": 2, "target_height": 4, "neuron_type": "LSTM", "prefused_bn_fc": True, "unknown": 3}
    whole = {"state_dict": _state(), "trainer_params": values, "epoch": 7}
    double = OrderedDict((name, one.double()) for name, one in _state().items())
    found = [_torch_saved(content, legacy=legacy) for content in (_state(), {"model": double}, whole)]
    return tuple([*found, ORIGINAL.read_bytes()] if legacy else found)


def _alphabet(classes: int) -> tuple[Alphabet, str]:
    return Alphabet(("", *map(chr, range(0x100, 0xFF + classes)))), "the fuzzer"


def _read_foreign(data: bytes, folder: Path) -> object:
    found = load_checkpoint(written(folder, "run.tar", data), alphabet=_alphabet)
    require_clean(found.notes)
    found.recogniser()
    held = _by_torch(data)
    if held is None:  # torch reads fewer kinds of files without executing them
        return None
    state = next(
        (held[key] for key in ("state_dict", "model_state_dict", "model") if isinstance(held.get(key), dict)), held
    )
    tensors = [one for one in state.values() if isinstance(one, torch.Tensor)]
    for name, weights in found.model.items():
        if not any(_same(weights, one) for one in tensors) and weights.any():
            raise OtherMeaningError(
                f"weights {name.rpartition('.')[2]}: {weights} are not in the file as torch reads it"
            )
    return None


def _same(weights: torch.Tensor, one: torch.Tensor) -> bool:
    return weights.shape == one.shape and torch.equal(weights.nan_to_num(), one.to(weights.dtype).nan_to_num())


def _by_torch(data: bytes) -> dict | None:
    """What torch itself reads; None where it reads nothing. Of an archive whose directory contradicts it, torch returns what
    happens to be in memory, so each archive is packed anew."""
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            packed = io.BytesIO()
            with zipfile.ZipFile(io.BytesIO(data)) as held, zipfile.ZipFile(packed, "w") as archive:
                for one in held.infolist():
                    archive.writestr(zipfile.ZipInfo(one.filename), held.read(one))
            data = packed.getvalue()
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception:
        return None
    return content if isinstance(content, dict) else None


# JSON ----------------------------------------------------------------------------------------------------------------


def _presets() -> Sequence[bytes]:
    presets = sorted((REPOSITORY / "params").glob("*.json"))
    texts = [path.read_bytes() for path in presets[:: max(len(presets) // 5, 1)]]
    texts.append(json.dumps(tiny.quantized().to_dict(), indent=2).encode())
    return [*texts, b'{\n  "epochs": 3, # so many\n  "lr": 0.5 // high\n}\n']


def _read_hyperparameters(data: bytes, folder: Path) -> object:
    path = written(folder, "preset.json", data)
    found = Hyperparameters.from_json(path).to_dict()
    text, kept, quoted, place = decoded(data), "", False, 0
    while place < len(text):  # a second reader of comments, letter by letter
        letter = text[place]
        if quoted and letter == "\\":
            kept += text[place : place + 2]
            place += 2
            continue
        if letter == '"':
            quoted = not quoted
        if not quoted and (letter == "#" or text.startswith("//", place)):
            place = text.find("\n", place) if "\n" in text[place:] else len(text)
            continue
        kept += letter
        place += 1
    for name, value in json.loads(kept).items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(value, str):  # choices are taken in either case
            same = isinstance(found[name], str) and found[name].lower() == value.lower()
            require(same, name, found[name], value)
            continue
        require_equal(
            name, found[name], type(found[name])(value) if number and type(found[name]) is not bool else value
        )
        exact = float(value) if number and isinstance(found[name], float) else value
        require(not number or found[name] == exact, name, found[name], value)
    Hyperparameters(**found).to_json(folder / "again.json")
    require_equal("again", Hyperparameters.from_json(folder / "again.json").to_dict(), found)
    return None


def _recipes() -> Sequence[bytes]:
    texts = []
    record = DataRecord.of(tiny.dataset())
    for start in (
        RecipeStart(command="foldline recipe", warm_up=None, data=record),
        RecipeStart(command="x", warm_up="/a/b.pt", batch_norm=False, data=record, limits=Limits(columns=800)),
        RecipeStart(command="x", warm_up=None),
    ):
        with tempfile.TemporaryDirectory() as folder:
            start.write(Path(folder))
            texts.append((Path(folder) / "recipe.json").read_bytes())
    return texts


def _read_recipe(data: bytes, folder: Path) -> object:
    written(folder, "recipe.json", data)
    found = RecipeStart.read(folder)
    entries = json.loads(decoded(data))
    require_equal("command", plain([found.command, found.warm_up]), plain([entries["command"], entries["warm_up"]]))
    require_equal("batch_norm", found.batch_norm, entries.get("batch_norm", True))
    for name in ("data", "limits"):
        value = getattr(found, name)
        held = None if value is None else plain(asdict(value))
        given = entries.get(name)
        if given is not None and name == "limits":
            given = asdict(Limits()) | given
        if given is not None and name == "data":
            given = {key: given[key] for key in asdict(value)}
        require_equal(name, held, None if given is None else plain(given))
    (folder / "again").mkdir()
    found.write(folder / "again")
    require_equal("again", RecipeStart.read(folder / "again"), found)
    return None


def study_preset() -> dict[str, object]:
    """The preset of a study."""
    return preset_of(tiny.quantized(forward_arithmetic="HARDWARE", ctc="OVERLAY", select_by="OVERLAY", score_scale=4.0))


def _settings() -> Sequence[bytes]:
    first = {"min_columns_per_second": 1000.0, "preset": study_preset(), "dataset": "lines", "lines": (3, 2, 5)}
    found = [
        StudySettings(**first),
        StudySettings(**first, kernel="hls", weight=(2, 4), hidden=(16, 24), digest="ab", trials=7),
    ]
    return [one.as_text().encode() for one in found]


def _read_settings(data: bytes, folder: Path) -> object:
    text = data.decode("utf-8", "surrogateescape")
    found = StudySettings.from_text(text, study="s")
    entries = json.loads(text)
    for name, value in json.loads(found.as_text()).items():
        if name in entries and entries[name] is not None:
            given = "hls" if (name, entries[name]) == ("kernel", "foldline") else entries[name]
            require_equal(name, value, given)
    require_equal("again", StudySettings.from_text(found.as_text(), study="s"), found)
    return None


def _sweeps() -> Sequence[bytes]:
    of = sweeps.settings()
    return [one.encode() for one in (of.as_text(), of.as_text(shared=True), sweeps.settings(seeds=2).as_text())]


def _read_sweep(data: bytes, folder: Path) -> object:
    text = data.decode("utf-8", "surrogateescape")
    found = SweepSettings.from_text(text, source="s")
    entries = json.loads(text)
    for name in ("seeds", "folds", "digest", "text_form", "lines"):
        if name in entries:
            require_equal(name, plain(json.loads(json.dumps(getattr(found, name)))), plain(entries[name]))
    require_equal("precisions", set(found.precisions), set(entries["precisions"]))
    require_equal("again", SweepSettings.from_text(found.as_text(), source="s"), found)
    return None


def _sweep_results() -> Sequence[bytes]:
    return [sweeps.result(job).as_text().encode() for job in sweeps.settings().space]


def _read_sweep_result(data: bytes, folder: Path) -> object:
    text = data.decode("utf-8", "surrogateescape")
    found = NetworkResult.from_text(text, source="s")
    entries = json.loads(text)
    for name in ("precision", "seed", "fold", "lines", "greedy", "overlay", "minutes"):
        require_equal(name, plain(json.loads(json.dumps(getattr(found, name)))), plain(entries[name]))
    found.require_of(sweeps.settings(), source="s")
    require_equal("again", NetworkResult.from_text(found.as_text(), source="s"), found)
    return None


# Curves ------------------------------------------------------------------------------------------------------------


@cache
def _events() -> bytes:
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            for epoch in (1, 2, 3):
                for name in ("loss", "greedy CTC/CER", "overlay labels/CER"):
                    writer.add_scalar(name, 1 / epoch, epoch, walltime=1.0)
        (path,) = Path(folder).iterdir()
        return path.read_bytes()


def _read_events(data: bytes, folder: Path) -> object:
    written(folder, "log/events.out.tfevents.1.x", data)
    curves = read_curves(folder / "log", name="stage")
    lengths = {len(one) for one in (curves.epochs, curves.loss, curves.greedy_cer, curves.overlay_cer)}
    require(len(lengths) == 1, "lengths of curves", lengths)
    return None


def _any(name: str, pickled: Callable[[str], bool]) -> tuple:
    return (in_pickle, in_pickle, in_pickle, *BYTES) if pickled(name) else BYTES


_ZIPPED = (
    *([in_zip(partial(_any, pickled=lambda name: name.endswith("data.pkl")), stored=True)] * 10),
    *BYTES[:4],
    BYTES[-1],
)

FORMATS = (
    Format(name="checkpoint", untouched=_checkpoints, read=_read_checkpoint, mutators=_ZIPPED, weight=1),
    Format(name="state-dict", untouched=lambda: _foreign(False), read=_read_foreign, mutators=_ZIPPED, weight=1),
    Format(
        name="state-dict-legacy",
        untouched=lambda: _foreign(True),
        read=_read_foreign,
        mutators=(*([in_pickle] * 2), *BYTES),
        weight=1,
    ),
    Format(name="hyperparameters", untouched=_presets, read=_read_hyperparameters, mutators=JSON, weight=8),
    Format(name="recipe", untouched=_recipes, read=_read_recipe, mutators=JSON, weight=8),
    Format(name="study-settings", untouched=_settings, read=_read_settings, mutators=JSON, weight=3),
    Format(name="sweep-settings", untouched=_sweeps, read=_read_sweep, mutators=JSON, weight=3),
    Format(name="sweep-result", untouched=_sweep_results, read=_read_sweep_result, mutators=JSON, weight=3),
    Format(name="curves", untouched=lambda: [_events()], read=_read_events, mutators=BYTES, weight=1),
)
