"""OUT.partial as a run leaves it that was stopped."""

from foldline.batch.checksums import Checksums


def partial_of(header: bytes, results: bytes) -> bytes:
    """The header, and each result line with its checksum.

    :param header: first line of the file.
    :param results: lines of a finished file.
    """
    checksums = Checksums(header)
    return header + b"".join(checksums.sealed(line) for line in results.splitlines())
