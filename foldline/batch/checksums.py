"""Checksums of the lines of an unfinished results file: each covers its line and all before it."""

from __future__ import annotations

import hashlib

_BEFORE, _AFTER = b', "checksum": "', b'"}\n'
_DIGITS = 16
_SEAL_BYTES = len(_BEFORE) + _DIGITS + len(_AFTER)


class Checksums:
    """Adds a last key ``checksum`` to objects of JSON, and takes it away where it is right.

    A checksum is a digest of the object's text and of the checksum before it, so that a line that was changed, left out,
    repeated or moved is noticed.

    :param header: first line of the file, which the first checksum covers.
    """

    def __init__(self, header: bytes) -> None:
        self._digest = hashlib.sha256(header).digest()

    def sealed(self, line: bytes) -> bytes:
        """The next line of the file, with its line end.

        >>> Checksums(b"header").sealed(b'{"name": "a.png"}')
        b'{"name": "a.png", "checksum": "3d0c68bdeb28ecbc"}\\n'

        :param line: an object of JSON without a line end.
        """
        self._digest = self._next(line)
        return line[:-1] + _BEFORE + self._seal(self._digest) + _AFTER

    def accepts(self, line: bytes) -> bool:
        """Whether a line of the file is the next one, byte for byte; if not, the next one is still expected.

        :param line: with its checksum and line end.
        """
        digest = self._next(unsealed(line))
        right = line[-_SEAL_BYTES:] == _BEFORE + self._seal(digest) + _AFTER
        self._digest = digest if right else self._digest
        return right

    def _next(self, line: bytes) -> bytes:
        return hashlib.sha256(self._digest + line).digest()

    @staticmethod
    def _seal(digest: bytes) -> bytes:
        return digest.hex()[:_DIGITS].encode()


def unsealed(line: bytes) -> bytes:
    """The object that was sealed, if the line is one of `Checksums.sealed`.

    :param line: of the file, with its checksum and line end.
    """
    return line[:-_SEAL_BYTES] + b"}"
