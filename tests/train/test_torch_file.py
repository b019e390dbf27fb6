"""Files of `torch.save` are read as torch reads them, and nothing in them is executed."""

import collections
import io
import pickle
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch

from datapath.errors import CheckpointError
from tests.golden_data import REPOSITORY
from train.torch_file import LEGACY_MAGIC, LEGACY_PROTOCOL, MAX_CHECKPOINT_BYTES, TorchFile, open_torch_file
from train.torch_pickle import StoredTensor

CASE = REPOSITORY / "tests" / "cases" / "original-checkpoint" / "epoch_best_cer.tar"
CUTS, VARIANTS = 60, 300


def saved(content, *, legacy, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy, **options)
    return buffer.getvalue()


def torch_file(path, content: bytes) -> TorchFile:
    return TorchFile(path, io.BytesIO(content))


def values(file: TorchFile, content=None):
    """The content with a tensor in the place of each reference."""
    content = file.content if content is None else content
    if isinstance(content, dict):
        return {key: values(file, value) for key, value in content.items()}
    return file.tensor(content) if isinstance(content, StoredTensor) else content


def legacy_file(pickled: bytes, keys: list[str], blocks: bytes) -> bytes:
    """A file in the old form around a pickle written by hand."""
    head = (pickle.dumps(one, 2) for one in (LEGACY_MAGIC, LEGACY_PROTOCOL, {"little_endian": True}))
    return b"".join((*head, pickled, pickle.dumps(keys, 2), blocks))


def tensor_pickle(*, count: int = 2, shape=(2,), stride=(1,), storage: bytes = b"ctorch\nFloatStorage\n") -> bytes:
    """The pickle of one tensor in the block "7", as Python 2 wrote it: texts are bytes (opcode U)."""
    plain = b"".join(pickle.dumps(one, 2)[2:-1] for one in (0, shape, stride, False))
    identity = b"(U\x07storage" + storage + b"U\x017U\x06cuda:0" + pickle.dumps(count, 2)[2:-1] + b"Nt"
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + identity + b"Q" + plain + b"ccollections\nOrderedDict\n)RtR."
    )


BLOCK = struct.pack("<q2f", 2, 0.5, -3)


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])
def test_every_type_and_layout_is_read(legacy):
    """2, 3 and 5 are exact in all of these types; the transposed and the shifted tensor share a block with others."""
    whole = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    types = (
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
    )
    content = {
        "text": ["a", 1, 2.5, None, True, (1, "é"), 2**70, -(2**40)],
        "whole": whole,
        "part": whole[1:, 2],
        "turned": whole.t(),
        "none": torch.empty(0, 3),
        "one": torch.tensor(5.0),
        "parameter": torch.nn.Parameter(torch.tensor([2.0, 3.0])),
        "flags": torch.tensor([True, False]),
        **{str(one): torch.tensor([2, 3, 5], dtype=one) for one in types},
    }
    read = values(torch_file("x", saved(content, legacy=legacy)))
    assert read.keys() == content.keys()
    assert read["text"] == content["text"]
    for name in content.keys() - {"text"}:
        assert torch.equal(read[name], content[name]), name
        assert read[name].dtype == content[name].dtype
        assert read[name].is_contiguous()


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])
def test_a_state_dict_has_its_names_and_weights(legacy, protocol):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    read = values(torch_file("x", saved(model.state_dict(), legacy=legacy, pickle_protocol=protocol)))
    assert list(read) == list(model.state_dict())
    assert all(torch.equal(read[name], one) for name, one in model.state_dict().items())


def test_numbers_of_a_machine_with_the_high_byte_first():
    little = saved({"a": torch.tensor([1.5, -2.0])}, legacy=False)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(little)) as archive, zipfile.ZipFile(buffer, "w") as swapped:
        for name in archive.namelist():
            entry = archive.read(name)
            if name.endswith("/data/0"):
                entry = struct.pack(">2f", 1.5, -2.0)
            swapped.writestr(name, b"big" if name.endswith("/byteorder") else entry)
    assert values(torch_file("x", buffer.getvalue()))["a"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("storage", [b"ctorch\nFloatStorage\n", b"ctorch.cuda\nFloatStorage\n"])
def test_a_file_of_python_2_from_a_gpu_is_read_into_the_memory_of_the_cpu(storage):
    file = torch_file("x", legacy_file(tensor_pickle(storage=storage), ["7"], BLOCK))
    assert file.tensor(file.content).tolist() == [0.5, -3.0]


def test_an_ordered_dict_of_python_2_is_its_pairs():
    pairs = b"\x80\x02ccollections\nOrderedDict\n(](](U\x01aK\x01e](U\x01bK\x02eetR."
    assert torch_file("x", legacy_file(pairs, [], b"")).content == {"a": 1, "b": 2}


def test_numbers_of_numpy_are_passed_over():
    file = torch_file("x", saved({"best": np.float64(2.5), "epoch": 3}, legacy=True))
    assert file.content["epoch"] == 3


def test_the_case_is_what_torch_reads():
    """Torch's own reader takes the class of the hyperparameters for an OrderedDict; with a plain subclass of dict, it
    refuses the file."""
    with torch.serialization.safe_globals([(collections.OrderedDict, "__main__.objdict")]):
        expected = torch.load(CASE, weights_only=True)
    read = values(torch_file(CASE, CASE.read_bytes()))
    assert read.keys() == expected.keys()
    assert read["trainer_params"] == dict(expected["trainer_params"])
    assert all(torch.equal(read["state_dict"][name], one) for name, one in expected["state_dict"].items())


# Damaged and hostile files ----------------------------------------------------------------------------------------


def refusal(file: bytes) -> str:
    with pytest.raises(CheckpointError) as caught:
        torch_file("x.tar", file)
    assert str(caught.value).startswith("x.tar ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "place", ["alone", "among the weights", "in the hyperparameters", "instead of the magic number"]
)
@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])
def test_nothing_is_executed(tmp_path, place, legacy):
    made = tmp_path / "made"
    if place == "instead of the magic number":
        file = pickle.dumps(Hostile(made), 2) + CASE.read_bytes()
    else:
        content = {
            "alone": Hostile(made),
            "among the weights": {"state_dict": {"fc.weight": Hostile(made)}},
            "in the hyperparameters": {"trainer_params": {"lr": Hostile(made)}, "state_dict": {}},
        }[place]
        file = saved(content, legacy=legacy)
    assert "io.open" in refusal(file)
    assert not made.exists()
    if place == "instead of the magic number":
        pickle.loads(file).close()  # what is tried does something
        assert made.exists()


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "torch.load", "torch._utils.sys", "runpy._run_code"])
def test_a_name_outside_the_list_is_refused(name):
    module, _, function = name.rpartition(".")
    call = f"\x80\x02c{module}\n{function}\n(U\x04exittR.".encode("latin-1")
    assert name in refusal(legacy_file(call, [], b""))


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02ccollections\nOrderedDict\n)R}U\x01aK\x01s\x81.",  # an instance as a class
        b"\x80\x02c__main__\nobjdict\n)\x81K\x01b.",  # a state that is not a table
        b"\x80\x02(i__main__\nobjdict\n.",  # INST, the old way to name a class
        b"\x80\x02\x82\x01.",  # EXT1, a name by its number
        b"\x80\x02]]K\x01s.",  # an item of a list by a key
        b"\x80\x02}]K\x01s.",  # a list for a key
        b"\x80\x02t.",  # no mark
        b"\x80\x02\x86.",  # no values
        b"\x80\x02h\x05.",  # a value that was never stored
        b"\x80\x02U\x07storageQ.",  # a storage without its parts
    ],
)
def test_a_pickle_that_torch_does_not_write_is_one_sentence(pickled):
    refusal(legacy_file(pickled, [], b""))


@pytest.mark.parametrize(
    ("file", "named"),
    [
        (legacy_file(tensor_pickle(count=2**62, shape=(2**62,)), ["7"], struct.pack("<q", 2**62)), "cut off"),
        (legacy_file(tensor_pickle(count=2**62, shape=(2**62,)), ["7"], BLOCK), "18446744073709551616"),
        (legacy_file(tensor_pickle(shape=(2**40, 2**40), stride=(0, 0)), ["7"], BLOCK), "2 numbers"),
        (legacy_file(tensor_pickle(shape=(3,)), ["7"], BLOCK), "2 numbers"),
        (legacy_file(tensor_pickle(stride=(2,)), ["7"], BLOCK), "2 numbers"),
        (legacy_file(tensor_pickle(shape=(-1,)), ["7"], BLOCK), "(-1,)"),
        (legacy_file(tensor_pickle(shape=(1,) * 2000, stride=(1,) * 2000), ["7"], BLOCK), "2 numbers"),
        (legacy_file(tensor_pickle(), [], BLOCK), "other blocks"),
        (legacy_file(tensor_pickle(), ["7", "8"], BLOCK), "other blocks"),
    ],
)
def test_a_declared_size_takes_no_memory(file, named):
    assert named in refusal(file)


def shared_block(*, views: int, count: int = 250) -> bytes:
    """Many tensors in one block of numbers, each of them whole."""
    block = torch.zeros(count)
    return saved({str(number): block.as_strided((count,), (0,)) for number in range(views)}, legacy=False)


def test_tensors_together_have_no_more_bytes_than_the_file():
    """Each fits into the block; 1000 bytes in the file, 500 000 in the memory."""
    file = torch_file("x.tar", shared_block(views=500))
    with pytest.raises(CheckpointError) as caught:
        values(file)
    assert "and its tensors state more" in str(caught.value)
    assert len(values(torch_file("x", shared_block(views=1)))) == 1


def test_blocks_in_one_place_of_the_file_are_refused():
    """Entries of an archive can name the same bytes."""
    count = 4096
    content = saved({str(number): torch.full((count,), float(number)) for number in range(20)}, legacy=False)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (pickled,) = (archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
        archive.writestr("a/data/0", bytes(4 * count))
        first = archive.getinfo("a/data/0")
        for number in range(1, 20):
            other = zipfile.ZipInfo(f"a/data/{number}")
            for name in ("header_offset", "CRC", "file_size", "compress_size", "external_attr"):
                setattr(other, name, getattr(first, name))
            archive.filelist.append(other)
    assert "its blocks of numbers state 327680" in refusal(buffer.getvalue())


def test_a_large_file_is_refused_by_its_size(tmp_path):
    path = tmp_path / "x.tar"
    with path.open("wb") as handle:
        handle.truncate(MAX_CHECKPOINT_BYTES + 1)  # takes no place on the disk
    with pytest.raises(CheckpointError, match="has 4294967297 bytes; at most 4294967296"), open_torch_file(path):
        pass


@pytest.mark.parametrize("made", [b"ctorch\nSize\n", b"ccollections\nOrderedDict\n"])
def test_items_that_are_copied_again_and_again_are_refused(made):
    """A list of 1000 pairs, which 5000 calls of 6 bytes would copy into 5 million items."""
    pairs = b"\x80\x02" + made + b"q\x01]q\x02(" + b"K\x01K\x02\x86" * 1000 + b"e"
    assert "copies more than 4194304 items" in refusal(legacy_file(pairs + b"h\x01h\x02\x85R" * 5000 + b".", [], b""))


def test_a_name_that_is_no_text_is_not_written_out():
    """A tuple of itself twice, 40 times: 2**40 items if it is written out."""
    nested = b"\x80\x02K\x01" + b"".join(b"q%ch%c\x86" % (place, place) for place in range(40))
    refusal(legacy_file(nested + b"q\x40h\x40\x93.", [], b""))


def test_a_place_in_the_memo_takes_no_memory():
    """Python's own unpickler makes a table of 2**32 entries for it."""
    assert torch_file("x", legacy_file(b"\x80\x02]r\xff\xff\xff\x7f.", [], b"")).content == []


def test_every_cut_and_every_changed_byte_is_read_or_refused():
    whole, choose = CASE.read_bytes(), random.Random(1)
    for end in sorted(choose.sample(range(len(whole)), CUTS)):
        assert "cut off" in refusal(whole[:end]) or end > 2814
    for _ in range(VARIANTS):
        changed = bytearray(whole)
        changed[choose.randrange(3000)] = choose.randrange(256)
        try:
            values(torch_file("x.tar", bytes(changed)))
        except CheckpointError as error:
            assert str(error).startswith("x.tar ")


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])
def test_a_block_is_not_kept_beside_the_tensor_that_is_all_of_it(legacy):
    size, count = 2**20, 8
    content = saved({str(number): torch.full((size // 4,), float(number)) for number in range(count)}, legacy=legacy)
    file = torch_file("x", content)
    tracemalloc.start()
    try:
        sums = [float(file.tensor(one)[-1]) for one in file.content.values()]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sums == list(range(count))
    assert peak < 4 * size
