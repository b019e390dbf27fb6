"""`foldline manifest`: what a bitstream holds, from the command line to a driver that takes it."""

import pytest

from datapath import Design, Limits
from datapath.boards import board_names
from datapath.manifest import Kernel, Manifest
from fixedpoint_sim import simulate
from foldline.hardware.board import manifest_for
from foldline.hardware.projects import manifest_on
from overlay_driver import read_bit_file
from tests.designs import random_design
from tests.foldline.command_line import run
from tests.golden_data import REPOSITORY
from tests.overlay_driver.bit_files import write_bit_file

GOLDEN = REPOSITORY / "golden_vectors" / "designs" / "QLSTM128_W2B8A4I8_FC_W8B8.npz"


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "design.npz"
    random_design(3, inputs=32, hidden=8, classes=5).save(path)
    return path


def test_a_manifest_for_a_published_bitstream_is_written_and_described(tmp_path):
    path = tmp_path / "plain-W2A4-pynq.json"
    result = run("manifest", GOLDEN, "-o", path, "--kernel", "published")
    manifest = Manifest.read(path)
    design = Design.load(GOLDEN)
    labels = sum(len(answer.labels) for answer in manifest.answers)
    assert labels >= 18
    assert (result.exit_code, result.output) == (
        0,
        f"{path}: {design.experiment} in the published kernel on xc7z020clg400-1 at 100 MHz; "
        f"{len(manifest.answers)} lines with known answers have {labels} labels.\n",
    )
    assert (manifest.kernel, manifest.part) == (Kernel.PUBLISHED, "xc7z020clg400-1")
    assert (manifest.clock_mhz, manifest.control_base) == (100, 0x43C0_0000)
    manifest.require(design, "the manifest")


def test_a_published_name_without_a_kernel_is_refused(tmp_path):
    """The default kernel takes odd lines, which the published one pairs wrongly."""
    path = tmp_path / "plain-W2A4-pynq.json"
    result = run("manifest", GOLDEN, "-o", path)
    assert result.exit_code == 2 and "give --kernel published" in result.stderr
    assert not path.exists()


def test_the_driver_finds_it_beside_the_bitstream(saved, tmp_path):
    assert run("manifest", saved, "-o", tmp_path / "net.json", "--clock-mhz", 50).exit_code == 0
    write_bit_file(tmp_path / "net.bit")
    found = manifest_for(Design.load(saved), read_bit_file(tmp_path / "net.bit"))
    assert found == Manifest.read(tmp_path / "net.json")
    assert found.clock_mhz == 50


def test_a_known_answer_is_the_simulator_s(saved, tmp_path):
    assert run("manifest", saved, "-o", tmp_path / "net.json").exit_code == 0
    answers = Manifest.read(tmp_path / "net.json").answers
    assert answers
    for answer in answers:
        assert answer.labels.tolist() == simulate(Design.load(saved), answer.columns).labels.tolist()


@pytest.mark.parametrize("inputs", [3, 8, 25, 31, 37])
def test_the_published_kernel_is_given_no_odd_line(inputs):
    for limit in (732, 40, 2):
        design = random_design(3, inputs=inputs, limits=Limits(columns=limit))
        manifest = manifest_on("pynq-z1", design, kernel="published")
        assert {len(answer.columns) % 2 for answer in manifest.answers} == {0}


def test_kernel_board_and_clock_are_as_asked(saved, tmp_path):
    for arguments, kernel, facts in (
        (("--kernel", "hls"), Kernel.HLS, ("xc7z020clg400-1", 100, 0x43C0_0000)),
        (("--board", "kv260"), Kernel.RTL, ("xck26-sfvc784-2LV-c", 1000 / 7, 0xA000_0000)),
        (
            ("--board", "zcu104", "--clock-mhz", 62.5, "--kernel", "published"),
            Kernel.PUBLISHED,
            ("xczu7ev-ffvc1156-2-e", 62.5, 0xA000_0000),
        ),
    ):
        assert run("manifest", saved, "-o", tmp_path / "net.json", *arguments).exit_code == 0
        manifest = Manifest.read(tmp_path / "net.json")
        assert manifest.kernel is kernel
        assert (manifest.part, manifest.clock_mhz, manifest.control_base) == facts


@pytest.mark.parametrize("board", board_names())
@pytest.mark.parametrize("kernel", Kernel)
def test_every_board_and_kernel_has_a_manifest_that_is_read_as_the_same(board, kernel, tmp_path):
    manifest = manifest_on(board, random_design(3), kernel=kernel.value)
    manifest.write(tmp_path / "net.json")
    assert Manifest.read(tmp_path / "net.json") == manifest


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ((), 2, "Error: Missing option '-o' / '--output'."),
        (("-o", "m.json", "--board", "pynq-z9"), 1, "Error: There is no board 'pynq-z9'; did you mean 'pynq-z2'?"),
        (("-o", "m.json", "--clock-mhz", 900), 1, "Error: clock_mhz is 900; it must be 10 to 250 MHz."),
        (("-o", "m.json", "--clock-mhz", "nan"), 1, "Error: clock_mhz is nan; it must be 10 to 250 MHz."),
        (
            ("-o", "m.json", "--kernel", "ours"),
            2,
            "Error: Invalid value for '--kernel': 'ours' is not one of 'published', 'hls', 'rtl'.",
        ),
        (("-o", "no/m.json"), 1, "Error: Cannot write no/m.json: No such file or directory."),
    ],
)
def test_invalid_options_are_refused(saved, arguments, status, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("manifest", saved, *arguments)
    assert (result.exit_code, result.output.splitlines()[-1]) == (status, sentence)
    assert [path.name for path in tmp_path.iterdir()] == ["design.npz"]


def test_a_file_that_is_no_design_is_refused_and_the_design_is_never_written_over(saved, tmp_path):
    text = tmp_path / "text.npz"
    text.write_text("no design")
    result = run("manifest", text, "-o", tmp_path / "m.json")
    assert (result.exit_code, result.output) == (1, f"Error: {text} is not an .npz file, or it is cut off.\n")
    before = saved.read_bytes()
    result = run("manifest", saved, "-o", saved)
    assert (result.exit_code, result.output) == (
        1,
        f"Error: DESIGN and output are the same file, {saved}; one would be written over the other.\n",
    )
    assert saved.read_bytes() == before
