"""Physical memory in two views: the processor's caches, and what the accelerator reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

PAGE = 4096
FIRST_ADDRESS = 0x1600_0000
"""Start of a PYNQ-Z2's contiguous memory; any address within its 512 MiB works."""

CAPACITY = 128 << 20
"""Bytes that can be allocated, as on the images for PYNQ-Z1 and Z2."""


@dataclass(eq=False)
class Allocation:
    """A buffer at a physical address: the bytes in the processor's caches, and those in memory, uint8 [n] each."""

    address: int
    processor: np.ndarray
    device: np.ndarray

    @property
    def end(self) -> int:
        return self.address + len(self.device)

    def flush(self, start: int, length: int) -> None:
        self.device[start : start + length] = self.processor[start : start + length]

    def invalidate(self, start: int, length: int) -> None:
        self.processor[start : start + length] = self.device[start : start + length]


@dataclass
class PhysicalMemory:
    """The allocated buffers, and a log of the accelerator's accesses outside them."""

    allocations: list[Allocation] = field(default_factory=list)

    stray: list[str] = field(default_factory=list)
    """Accesses of the accelerator to memory that is not, or no longer, allocated."""

    _random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def allocate(self, length: int) -> Allocation:
        """Allocate bytes with random contents, different in the two views.

        :raises MemoryError: `CAPACITY` is used up.
        """
        address = FIRST_ADDRESS
        for taken in sorted(self.allocations, key=lambda one: one.address):
            if address + length <= taken.address:
                break
            address = -(-taken.end // PAGE) * PAGE
        if address + length > FIRST_ADDRESS + CAPACITY:
            raise MemoryError(f"no {length} bytes of contiguous memory are left")
        views = (self._random.integers(0, 256, size=length, dtype=np.uint8) for _ in range(2))
        allocation = Allocation(address, *views)
        self.allocations.append(allocation)
        return allocation

    def free(self, allocation: Allocation) -> None:
        self.allocations.remove(allocation)

    def read(self, address: int, length: int) -> np.ndarray:
        """Bytes that the accelerator reads, uint8 [length]; zeros if they are not allocated."""
        found = self._holding(address, length, "read")
        if found is None:
            return np.zeros(length, dtype=np.uint8)
        return found.device[address - found.address :][:length].copy()

    def write(self, address: int, data: np.ndarray) -> None:
        """Write bytes, uint8 [n], as the accelerator; ignored if they are not allocated."""
        found = self._holding(address, len(data), "wrote")
        if found is not None:
            found.device[address - found.address :][: len(data)] = data

    def _holding(self, address: int, length: int, did: str) -> Allocation | None:
        for allocation in self.allocations:
            if allocation.address <= address and address + length <= allocation.end:
                return allocation
        self.stray.append(f"{did} {length} bytes at 0x{address:08X}")
        return None
