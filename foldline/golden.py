"""The committed golden vectors: designs, a few lines each, and every stage's result.

    designs/NAME.npz   a `Design`
    vectors/NAME.npz   per line i: image_i (trained designs), pixels_i, words_i, hidden_i, scores_i, labels_i, text_i

Stress designs are made here from fixed seeds; trained ones are added with images and then only recomputed. What a
vector holds was computed by `simulate`; `check` computes it again, and by the folded-order simulator from the design's header.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from datapath.alphabet import BLANK, Alphabet
from datapath.design import Design, Folding, Gate, Limits, Provenance
from datapath.errors import DataError, FileError, FoldlineError
from datapath.files import write_npz
from datapath.folded import fold, unfold
from datapath.formats import unit_format
from datapath.images import image_columns, load_image
from datapath.npz import read_npz
from datapath.packing import pack_columns, unpack_columns
from datapath.precision import Precision
from fixedpoint_sim import simulate, simulate_folded
from foldline.differences import describe_difference
from golden_vectors import FOLDER, MAX_VECTOR_BYTES
from hls_gen import parse_header, render_header

DEFAULT_FOLDER = FOLDER
STAGES = ("hidden", "scores", "labels")


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """How a stress design is made."""

    dimensions: tuple[int, int, int]  # I, H, C
    bits: tuple[int, int, int, int, int]  # W, B, A, FW, FB
    folding: tuple[int, int, int]  # PE, SIMD_INPUT, SIMD_RECURRENT
    lengths: tuple[int, ...]  # columns of each line
    labels: int = Limits().labels
    values: str = "uniform"  # over the whole range; "ends": only its two ends; "open": gates at their upper end


RECIPES: Mapping[str, _Recipe] = {
    # Folding with PE > 1 and SIMD.
    "stress_w2a2_fold": _Recipe(dimensions=(8, 12, 11), bits=(2, 8, 2, 8, 8), folding=(3, 4, 2), lengths=(2, 40, 120)),
    # One-bit values.
    "stress_w1a1_narrow": _Recipe(dimensions=(6, 8, 5), bits=(1, 1, 1, 1, 1), folding=(4, 3, 8), lengths=(2, 30)),
    # Odd widths and folds, with a label limit that cuts.
    "stress_w3a5_odd": _Recipe(
        dimensions=(10, 15, 13), bits=(3, 6, 5, 7, 5), folding=(5, 5, 3), lengths=(30, 120), labels=3
    ),
    # Rounding ties in both layers.
    "stress_w4a8_round": _Recipe(dimensions=(12, 12, 14), bits=(4, 8, 8, 8, 8), folding=(2, 6, 3), lengths=(50, 100)),
    # 16-bit wrap-around: 128 inputs at full scale.
    "stress_w8a8_wrap": _Recipe(
        dimensions=(128, 8, 12), bits=(8, 8, 8, 8, 8), folding=(2, 16, 4), lengths=(6, 40), values="ends"
    ),
    # The saturating cell state.
    "stress_w8a8_saturate": _Recipe(
        dimensions=(4, 6, 6), bits=(8, 8, 8, 8, 8), folding=(3, 2, 1), lengths=(300,), values="open"
    ),
}


def _stress_design(name: str, recipe: _Recipe, random: np.random.Generator) -> Design:
    bits = Precision(**dict(zip(("weight", "bias", "activation", "fc_weight", "fc_bias"), recipe.bits, strict=True)))
    inputs, hidden, classes = recipe.dimensions
    arrays = {
        "weights_input": _draw(random, recipe.values, (2, 4, hidden, inputs), bits.weight),
        "weights_recurrent": _draw(random, recipe.values, (2, 4, hidden, hidden), bits.weight),
        "biases_input": _draw(random, "uniform", (2, 4, hidden), bits.bias),
        "biases_recurrent": _draw(random, "uniform", (2, 4, hidden), bits.bias),
        "fc_weights": _draw(random, "uniform", (2, classes, hidden), bits.fc_weight),
        "fc_biases": _draw(random, "uniform", (2, classes), bits.fc_bias),
    }
    # A blank that often wins, so that runs of characters end and labels come out.
    arrays["fc_biases"][:, BLANK] = unit_format(bits.fc_bias).max
    if recipe.values == "ends":
        # 128 products of (-1) * (-1) in unit 0: its sums leave the accumulator's range, and random signs never would.
        arrays["weights_input"][:, :, 0] = unit_format(bits.weight).min
    if recipe.values == "open":
        # Input, forget and cell gates of all but the last unit at their upper end, where the state grows without end.
        highest = unit_format(bits.weight).max
        arrays["weights_input"][:, : Gate.O, :-1] = highest
        arrays["weights_recurrent"][:, : Gate.O, :-1] = highest
    return Design(
        precision=bits,
        folding=Folding(pe=recipe.folding[0], simd_input=recipe.folding[1], simd_recurrent=recipe.folding[2]),
        limits=Limits(labels=recipe.labels),
        alphabet=Alphabet(("", *(chr(ord("A") + k) for k in range(classes - 1)))),
        provenance=Provenance(author="Foldline", source=f"foldline golden make: {name}", tool="numpy default_rng"),
        **arrays,
    )


def _draw(random: np.random.Generator, values: str, shape: tuple[int, ...], bits: int) -> np.ndarray:
    format = unit_format(bits)
    if values == "ends":
        return random.choice([format.min, format.max], size=shape).astype(np.int8)
    return random.integers(format.min, format.max, size=shape, endpoint=True).astype(np.int8)


def _stress_lines(recipe: _Recipe, random: np.random.Generator) -> list[np.ndarray]:
    bits, inputs = recipe.bits[2], recipe.dimensions[0]
    if recipe.values == "open":
        return [np.full((length, inputs), unit_format(bits).max, dtype=np.int8) for length in recipe.lengths]
    lines = [_draw(random, recipe.values, (length, inputs), bits) for length in recipe.lengths]
    if recipe.values == "ends":
        lines[0][:] = unit_format(bits).min
    return lines


def line_vectors(design: Design, columns: np.ndarray) -> dict[str, np.ndarray]:
    """Every stage's result for one line: pixels, words, hidden, scores, labels, text (limits are ignored)."""
    trace = simulate(design, columns, ignore_limits=True)
    return {
        "pixels": columns,
        "words": pack_columns(columns, design.precision.activation),
        **{stage: getattr(trace, stage) for stage in STAGES},
        "text": np.array(trace.text),
    }


def _numbered(lines: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {f"{name}_{i}": array for i, line in enumerate(lines) for name, array in line.items()}


def _image_line(design: Design, grey: np.ndarray) -> dict[str, np.ndarray]:
    columns = image_columns(Image.fromarray(grey), target_height=design.inputs, bits=design.precision.activation)
    return {"image": grey, **line_vectors(design, columns)}


def make(folder: Path = DEFAULT_FOLDER) -> list[str]:
    """Regenerate all designs and vectors; returns per design what changed, one line per value.

    :raises FileError: a file cannot be read or written.
    """
    changes = []
    _make_folders(folder)
    for name, recipe in RECIPES.items():
        random = np.random.default_rng(list(name.encode()))
        design = _stress_design(name, recipe, random)
        lines = [line_vectors(design, columns) for columns in _stress_lines(recipe, random)]
        changes.append(_replace(folder, name, design, _numbered(lines)))
    for name in trained_names(folder):
        design = Design.load(folder / "designs" / f"{name}.npz")
        stored = read_npz(folder / "vectors" / f"{name}.npz", limit=MAX_VECTOR_BYTES)
        images = [stored[f"image_{i}"] for i in range(len(stored)) if f"image_{i}" in stored]
        changes.append(_replace(folder, name, design, _numbered([_image_line(design, grey) for grey in images])))
    return changes


def add(design_path: Path, images: Sequence[Path], folder: Path = DEFAULT_FOLDER) -> str:
    """Add a trained design under its file's name, with the vectors of some images; returns what changed.

    The first image comes once more at the end, upside down: networks that read a line equally well differ on it.

    :raises DataError: no image. FileError, ImageError: a file cannot be read or written.
    """
    if not images:
        raise DataError("A trained design needs at least one image for its golden vectors.")
    design = Design.load(design_path)
    _make_folders(folder)
    scans = [load_image(image) for image in images]
    scans.append(scans[0].rotate(180))
    lines = [_image_line(design, np.asarray(scan)) for scan in scans]
    return _replace(folder, design_path.stem, design, _numbered(lines))


def _make_folders(folder: Path) -> None:
    for made in (folder / "designs", folder / "vectors"):
        try:
            made.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"Cannot make the folder {made}: {error.strerror}.") from error


def trained_names(folder: Path) -> list[str]:
    return sorted(p.stem for p in (folder / "designs").glob("*.npz") if p.stem not in RECIPES)


def _replace(folder: Path, name: str, design: Design, vectors: dict[str, np.ndarray]) -> str:
    design_path, vectors_path = folder / "designs" / f"{name}.npz", folder / "vectors" / f"{name}.npz"
    changes = []
    new_design = not design_path.exists() or Design.load(design_path) != design
    if new_design:
        changes.append("design changed" if design_path.exists() else "design is new")
    if not vectors_path.exists():
        changes.append("vectors are new")
    else:
        stored = read_npz(vectors_path, limit=MAX_VECTOR_BYTES)
        for key in sorted(stored.keys() | vectors.keys()):
            if key not in vectors or key not in stored:
                changes.append(f"{key} is {'gone' if key in stored else 'new'}")
            elif difference := describe_difference(stored[key], vectors[key]):
                changes.append(f"{key} differs in {difference}")
    if not changes:
        return f"{name}: unchanged"
    write_npz(vectors_path, vectors)
    if new_design:  # last: `make` needs the vectors of each design
        design.save(design_path)
    return "\n  ".join([f"{name}:", *changes])


@dataclass(frozen=True, kw_only=True)
class CheckedDesign:
    """One design's check: what was compared, and one sentence per difference (none: all equal)."""

    name: str
    lines: int
    values: int
    differences: tuple[str, ...]


def check(folder: Path = DEFAULT_FOLDER) -> Iterator[CheckedDesign]:
    """Compute every vector again, by both simulators, and compare all of it.

    :raises FileError: no design there, or a design without its vectors.
    """
    names = sorted(p.stem for p in (folder / "designs").glob("*.npz"))
    if not names:
        raise FileError(f"There is no golden design in {folder / 'designs'}.")
    for name in names:
        yield _check_design(name, folder)


def _check_design(name: str, folder: Path) -> CheckedDesign:
    design = Design.load(folder / "designs" / f"{name}.npz")
    stored = read_npz(folder / "vectors" / f"{name}.npz", limit=MAX_VECTOR_BYTES)
    network = parse_header(render_header(fold(design)), name=f"{name}.hpp")
    differences = []
    if unfold(network, alphabet=design.alphabet, provenance=design.provenance) != design:
        differences.append(f"{name}: the header gives another design.")
    lines = sum(key.startswith("pixels_") for key in stored)
    seen, values = set(), 0
    for i in range(lines):
        try:
            for key, computed in _recomputed(design, network, stored, i):
                if key not in stored:
                    differences.append(f"{name}: {key} is missing.")
                    continue
                seen.add(key)
                values += stored[key].size
                if stored[key].dtype.kind not in "iuU":
                    raise DataError(f"{key} has type {stored[key].dtype}; it must be integers or a text.")
                if difference := describe_difference(stored[key], computed):
                    differences.append(f"{name}: {key} differs in {difference}")
        except FoldlineError as error:
            differences.append(f"{name}: line {i} cannot be computed: {error}")
    if unknown := stored.keys() - seen:
        differences.append(f"{name}: nothing computes {', '.join(sorted(unknown))}.")
    if not lines:
        differences.append(f"{name}: there is no line.")
    return CheckedDesign(name=name, lines=lines, values=values, differences=tuple(differences))


def _recomputed(design: Design, network, stored: Mapping[str, np.ndarray], i: int) -> Iterator[tuple[str, np.ndarray]]:
    """(key, value) of every stage of line i, each from the stored stage before it; hidden to text by both simulators."""
    bits = design.precision.activation
    if f"image_{i}" in stored:
        grey = stored[f"image_{i}"]
        if grey.ndim != 2 or grey.dtype != np.uint8:
            raise DataError(
                f"image_{i} has shape {list(grey.shape)} and type {grey.dtype}; it must be uint8 [rows, columns]."
            )
        yield f"image_{i}", grey  # the one stage that nothing comes before
        yield f"pixels_{i}", image_columns(Image.fromarray(grey), target_height=design.inputs, bits=bits)
    if f"pixels_{i}" not in stored:
        raise DataError(f"There is no pixels_{i}.")
    pixels = stored[f"pixels_{i}"]
    words = pack_columns(pixels, bits)
    yield f"words_{i}", words
    yield f"pixels_{i}", unpack_columns(words, inputs=design.inputs, bits=bits)
    vectorised = simulate(design, pixels, ignore_limits=True)
    folded = simulate_folded(network, design, pixels, ignore_limits=True)
    for trace in (vectorised, folded):
        for stage in STAGES:
            yield f"{stage}_{i}", getattr(trace, stage)
        yield f"text_{i}", np.array(trace.text)
