"""Changes behind checksums and compression, so that a reader gets to see them: zip, npz, gzip, tar, PNG, pickles, frames."""

from __future__ import annotations

import gzip
import io
import pickletools
import re
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from tests.fuzz.mutations import BYTES, JSON, TEXT, Mutator, set_integer

PNG = b"\x89PNG\r\n\x1a\n"

SHAPES = (
    *("()", "(0,)", "(1,)", "(-1,)", "(2, 3)", "(1000000000,)", "(1099511627776,)", "(4, 1000000000000)", "(1.5,)"),
    *("(65536, 65536, 65536, 65536)", "(9223372036854775807,)", "(9223372036854775808, 2)", "None", "'x'", "[2]"),
    *("(True,)", "(0, 99999999999)", "(1,) * 40", "(" + "1, " * 70 + ")"),
)
DTYPES = (
    *("|i1", "<i2", ">i2", "<i4", "<i8", "|u1", "<u8", "<f4", "<f8", "<f2", "|b1", "<c16", "|O", "<U3", "|S4", "|V8"),
    *("<M8[s]", "<m8", "x", "", "<U999999999", "|S2147483647", "(2,)i1", "i1,i2"),
)


def any_of(mutators: tuple[Mutator, ...]) -> Mutator:
    """One of several changes.

    :param mutators: the changes.
    """

    def change(data: bytes, random: Random, other: bytes) -> bytes:
        return random.choice(mutators)(data, random, other)

    return change


def in_npy(inner: tuple[Mutator, ...] = BYTES) -> Mutator:
    """A change of an array file: its header's text, its numbers, or its text where it is one.

    :param inner: changes of a text in an array of one text.
    """

    def change(data: bytes, random: Random, other: bytes) -> bytes:
        array = np.load(io.BytesIO(data), allow_pickle=False)
        if array.dtype.kind == "U" and array.shape == () and random.random() < 0.9:
            text = random.choice(inner)(str(array).encode(), random, str(array).encode())
            return _npy(np.array(text.decode("utf-8", "replace")))
        kind = random.randrange(7)
        if kind == 0:
            return random.choice(BYTES)(data, random, other)
        if kind == 1:
            return _with_header(data, random)
        if kind == 2:
            return _npy(array.astype(random.choice(("i1", "u1", ">i2", "i4", "i8", "u8", "f4", "f8", "?", "U3", "S2"))))
        if kind == 3 and array.ndim:
            return _npy(array[random.choice((slice(0, -1), slice(1, None), slice(0, 0), slice(None, None, -1)))])
        if kind == 4 and array.ndim:
            return _npy(random.choice((array.T, array[None], array.reshape(-1), np.concatenate([array, array]))))
        changed = array.copy().reshape(-1)
        if changed.size and changed.dtype.kind in "iufb":
            place = random.randrange(changed.size)
            value = random.choice((-128, -9, -1, 0, 1, 2, 7, 8, 127, 255, 32767, 1 << 40))
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                changed[place] = np.array(value).astype(changed.dtype)
        return _npy(changed.reshape(array.shape))

    return change


def _npy(array: np.ndarray) -> bytes:
    written = io.BytesIO()
    np.lib.format.write_array(written, np.asarray(array), allow_pickle=False)
    return written.getvalue()


def _with_header(data: bytes, random: Random) -> bytes:
    """An array file whose header says something else; its length is that of the text."""
    (size,) = struct.unpack_from("<H", data, 8)
    header, rest = data[10 : 10 + size].decode("latin-1"), data[10 + size :]
    kind = random.randrange(5)
    if kind == 0:
        header = re.sub(r"'shape': \([^)]*\)", lambda _: f"'shape': {random.choice(SHAPES)}", header)
    elif kind == 1:
        header = re.sub(r"'descr': '[^']*'", lambda _: f"'descr': {random.choice(DTYPES)!r}", header)
    elif kind == 2:
        header = header.replace("False", random.choice(("True", "1", "None", "'x'")))
    else:
        header = random.choice(TEXT)(header.encode(), random, header.encode()).decode("latin-1")
    text = header.encode("latin-1", "replace")[:65000]
    version = random.choice((b"\x01\x00", b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    length = struct.pack("<I" if version[0] > 1 else "<H", len(text))
    return data[:6] + version + length + text + rest


@dataclass(frozen=True)
class _Entry:
    name: str
    content: bytes


def in_zip(inner: Callable[[str], tuple[Mutator, ...]], *, stored: bool = False) -> Mutator:
    """A change within an archive, which gets right checksums: of one member, its name, or which members there are.

    :param inner: changes of a member, by its name.
    :param stored: whether members are mostly stored without compression.
    """

    def change(data: bytes, random: Random, other: bytes) -> bytes:
        entries, others = _entries(data), _entries(other)
        place = random.randrange(len(entries))
        name, content = entries[place].name, entries[place].content
        kind = random.randrange(16)
        if kind == 0:
            del entries[place]
        elif kind == 1:
            entries.insert(random.randrange(len(entries) + 1), random.choice([*entries, *others]))
        elif kind == 2:
            entries[place] = _Entry(
                random.choice((name + "x", f"../{name}", f"/{name}", name.upper(), name * 300, "a/" + name, "")),
                content,
            )
        elif kind == 3:
            entries[place] = _Entry(name, random.choice(others).content)
        elif kind == 4:
            second = random.randrange(len(entries))
            entries[place], entries[second] = (
                _Entry(name, entries[second].content),
                _Entry(entries[second].name, content),
            )
        elif kind == 5:
            entries[place] = _Entry(name, bytes(random.choice((0, 1, 1 << 16, 1 << 20))))
        else:
            same = next((one.content for one in others if one.name == name), content)
            entries[place] = _Entry(name, random.choice(inner(name))(content, random, same))
        plain = stored if random.random() < 0.9 else not stored
        packed = _packed(entries, zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED)
        return _with_directory(packed, random) if random.random() < 0.1 else packed

    return change


def _entries(data: bytes) -> list[_Entry]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [_Entry(one.filename, archive.read(one)) for one in archive.infolist()]


def _packed(entries: list[_Entry], compression: int) -> bytes:
    written = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(written, "w", compression) as archive:
        warnings.simplefilter("ignore")  # a name that is there twice
        for one in entries:
            archive.writestr(zipfile.ZipInfo(one.name), one.content, compress_type=compression)
    return written.getvalue()


def _with_directory(data: bytes, random: Random) -> bytes:
    """A field of the directory of an archive becomes an extreme one: sizes, offsets, methods, flags."""
    places = [one.start() for one in re.finditer(rb"PK\x01\x02|PK\x05\x06|PK\x03\x04", data)]
    start = random.choice(places)
    head = set_integer(data[start : start + 46], random, b"")
    return data[:start] + head + data[start + len(head) :]


def in_gzip(inner: tuple[Mutator, ...]) -> Mutator:
    """A change of what gzip has compressed.

    :param inner: changes of it.
    """

    def change(data: bytes, random: Random, other: bytes) -> bytes:
        return gzip.compress(random.choice(inner)(gzip.decompress(data), random, gzip.decompress(other)), 1, mtime=0)

    return change


def in_tar(data: bytes, random: Random, other: bytes) -> bytes:
    """A change of a header of a tar archive, whose checksum is made right, or of which members there are."""
    headers = _tar_headers(data)
    start = random.choice(headers)
    header = bytearray(data[start : start + 512])
    kind = random.randrange(9)
    if kind == 0:
        return data[:start] + data[start + 512 :]
    if kind == 1:
        target = random.choice(headers)
        end = next((one for one in headers if one > start), start + 512)
        return data[:target] + data[start:end] + data[target:]
    fields = {
        "name": (0, 100),
        "mode": (100, 8),
        "size": (124, 12),
        "time": (136, 12),
        "type": (156, 1),
        "link": (157, 100),
    }
    if kind in (2, 3):
        header[156:157] = random.choice((b"0", b"1", b"2", b"3", b"5", b"6", b"L", b"K", b"x", b"g", b"S", b"V", b"\0"))
    elif kind in (4, 5):
        size = random.choice(
            (
                b"77777777777\0",
                b"00000000000\0",
                b"\x80" + b"\0" * 7 + b"\xff" * 4,
                b"\xff" * 12,
                b"-0000000001\0",
                b"\x80" + b"\xff" * 11,
                b"1" + b" " * 11,
                b"9" * 12,
                b"00000002000\0",
                b"37777777777\0",
            )
        )
        header[124:136] = size
    elif kind == 6:
        name = random.choice(
            (b"../../x", b"/etc/passwd", b"a/" * 49, b"\xff\xfe", b"a\0b", b"x:y", b"..", b".", b"", b"a\nb\x1b[31m")
        )
        header[0:100] = name.ljust(100, b"\0")
    else:
        place, length = random.choice(list(fields.values()))
        piece = random.choice(BYTES)(bytes(header[place : place + length]), random, b"").ljust(length, b"\0")[:length]
        header[place : place + length] = piece
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    return data[:start] + bytes(header) + data[start + 512 :]


def _tar_headers(data: bytes) -> list[int]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [one.offset for one in archive]


def in_png(data: bytes, random: Random, other: bytes) -> bytes:
    """A change of a chunk of a PNG, which gets a right checksum; of the pixels before their compression, too."""
    chunks, others = _chunks(data), _chunks(other)
    place = random.randrange(len(chunks))
    kind, content = chunks[place]
    change = random.randrange(8)
    if change == 0:
        del chunks[place]
    elif change == 1:
        chunks.insert(random.randrange(len(chunks) + 1), random.choice([*chunks, *others]))
    elif change == 2:
        chunks.insert(1, random.choice(_EXTRA_CHUNKS))
    elif change == 3:
        chunks[0] = (b"IHDR", set_integer(chunks[0][1], random, b""))
    elif kind == b"IDAT" and change < 7:
        chunks[place] = (kind, zlib.compress(random.choice(BYTES)(zlib.decompress(content), random, b""), 1))
    else:
        chunks[place] = (kind, random.choice(BYTES)(content, random, b""))
    return PNG + b"".join(_chunk(*one) for one in chunks)


_EXTRA_CHUNKS = (
    *((b"tRNS", b"\0"), (b"tRNS", b"\0\0"), (b"tRNS", b"\0" * 6), (b"tRNS", b"\0" * 256), (b"PLTE", b"\0\1\2" * 3)),
    *(
        (b"PLTE", b""),
        (b"gAMA", b"\0\0\0\0"),
        (b"iCCP", b"x\0\0" + zlib.compress(b"0" * 100)),
        (b"zTXt", b"x\0\0" + zlib.compress(b"0" * (1 << 20))),
    ),
    *(
        (b"acTL", struct.pack(">II", 2, 0)),
        (b"acTL", struct.pack(">II", 1 << 31, 0)),
        (b"fcTL", b"\0" * 26),
        (b"fdAT", b"\0" * 8),
    ),
    *(
        (b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0"),
        (b"eXIf", b"MM\0*"),
        (b"tEXt", b"a\0b"),
    ),
    *(
        (b"bKGD", b"\0"),
        (b"sBIT", b""),
        (b"pHYs", b"\0" * 9),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x"),
        (b"\0\0\0\0", b""),
        (b"CgBI", b""),
    ),
)


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], len(PNG)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def in_pickle(data: bytes, random: Random, other: bytes) -> bytes:
    """A change of the opcodes of a pickle: one lost, doubled, moved, taken from another, or with another argument."""
    opcodes, others = _opcodes(data), _opcodes(other)
    place = random.randrange(len(opcodes))
    kind = random.randrange(9)
    if kind == 0:
        del opcodes[place]
    elif kind == 1:
        opcodes.insert(random.randrange(len(opcodes)), opcodes[place])
    elif kind == 2:
        second = random.randrange(len(opcodes))
        opcodes[place], opcodes[second] = opcodes[second], opcodes[place]
    elif kind == 3:
        opcodes[place] = random.choice(others)
    elif kind in (4, 5):
        opcodes.insert(place, random.choice(_EXTRA_OPCODES))
    elif kind == 6:
        opcodes[place] = random.choice(_EXTRA_OPCODES)
    else:
        opcodes[place] = random.choice(BYTES)(opcodes[place], random, random.choice(others))
    return b"".join(opcodes)


_EXTRA_OPCODES = (
    *(
        b"N",
        b"\x88",
        b"\x89",
        b"K\0",
        b"K\xff",
        b"J\xff\xff\xff\xff",
        b"M\xff\xff",
        b"\x8a\0",
        b"\x8a\x08" + b"\xff" * 7 + b"\x7f",
    ),
    *(
        b"G\x7f\xf8" + b"\0" * 6,
        b"G\x7f\xf0" + b"\0" * 6,
        b"I1e9\n",
        b"I01\n",
        b"L" + b"9" * 5000 + b"L\n",
        b"F1e999\n",
    ),
    *(
        b"X\x01\0\0\0a",
        b"X\xff\xff\xff\x7fa",
        b"X\x03\0\0\0\x1b[m",
        b"\x8c\x01a",
        b"C\x01a",
        b"T\xff\xff\xff\x7f",
        b"U\x01a",
    ),
    *(
        b"}",
        b"]",
        b")",
        b"(",
        b"t",
        b"l",
        b"d",
        b"a",
        b"e",
        b"s",
        b"u",
        b"0",
        b"2",
        b"1",
        b".",
        b"\x85",
        b"\x86",
        b"\x87",
    ),
    *(
        b"h\0",
        b"h\x01",
        b"h\xff",
        b"j\xff\xff\xff\xff",
        b"r\xff\xff\xff\xff",
        b"q\0",
        b"q\xff",
        b"\x94",
        b"\x8f",
        b"\x91",
    ),
    *(
        b"cos\nsystem\n",
        b"cbuiltins\neval\n",
        b"c__builtin__\nprint\n",
        b"ctorch\nload\n",
        b"ccollections\nOrderedDict\n",
    ),
    *(
        b"R",
        b"\x81",
        b"\x92",
        b"b",
        b"Q",
        b"P0\n",
        b"i__main__\nx\n",
        b"o",
        b"\x82\x01",
        b"\x80\x05",
        b"\x95" + b"\xff" * 8,
        b"\x93",
    ),
    *(b"X\x05\0\0\0" + b"shape", b"(" * 1000, b"]" * 1000, b"2" * 1000, b"(" + b"N" * 1000 + b"t"),
)


def _opcodes(data: bytes) -> list[bytes]:
    places = [place for _, _, place in pickletools.genops(data)]
    end = places[-1] + 1
    return [*(data[a:b] for a, b in zip(places, [*places[1:], end], strict=True)), data[end:]]


def with_crc32(inner: tuple[Mutator, ...]) -> Mutator:
    """A change of a frame that ends with its CRC-32, which is made right.

    :param inner: changes of the rest.
    """

    def change(data: bytes, random: Random, other: bytes) -> bytes:
        body = random.choice(inner)(data[:-4], random, other[:-4])
        return body + struct.pack("<I", zlib.crc32(body))

    return change


NPZ: tuple[Mutator, ...] = (*([in_zip(lambda name: (in_npy(JSON),))] * 8), *BYTES[:4], *BYTES[-1:])
"""Changes of an .npz whose texts are JSON."""
