"""Physical memory, seen twice: by the processor through its caches, and by the accelerator."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

PAGE = 4096
FIRST_ADDRESS = 0x1600_0000
"""Where a Z2's contiguous memory begins; any address of the 512 MiB would do."""

CAPACITY = 128 << 20
"""Bytes that can be allocated, as on the images for PYNQ-Z1 and Z2."""


@dataclass(eq=False)
class Allocation:
    """Memory at a physical address, in two views that agree only after `flush` or `invalidate`."""

    address: int
    processor: np.ndarray
    device: np.ndarray

    @property
    def end(self) -> int:
        return self.address + len(self.device)

    def flush(self, start: int, length: int) -> None:
        """Write the processor's bytes back: the accelerator sees them from now on."""
        self.device[start : start + length] = self.processor[start : start + length]

    def invalidate(self, start: int, length: int) -> None:
        """Drop the processor's bytes: it sees what the accelerator wrote."""
        self.processor[start : start + length] = self.device[start : start + length]


@dataclass
class PhysicalMemory:
    """What the processor has allocated, and what the accelerator did outside of it."""

    allocations: list[Allocation] = field(default_factory=list)

    stray: list[str] = field(default_factory=list)
    """Accesses of the accelerator to memory that is not allocated, or not any more."""

    _random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def allocate(self, length: int) -> Allocation:
        """Memory full of what was there before, different in the two views.

        :raises MemoryError: no room is left.
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
        """Bytes that the accelerator reads; zeros where nothing is allocated."""
        found = self._holding(address, length, "read")
        if found is None:
            return np.zeros(length, dtype=np.uint8)
        return found.device[address - found.address :][:length].copy()

    def write(self, address: int, data: np.ndarray) -> None:
        """Bytes that the accelerator writes."""
        found = self._holding(address, len(data), "wrote")
        if found is not None:
            found.device[address - found.address :][: len(data)] = data

    def _holding(self, address: int, length: int, did: str) -> Allocation | None:
        for allocation in self.allocations:
            if allocation.address <= address and address + length <= allocation.end:
                return allocation
        self.stray.append(f"{did} {length} bytes at 0x{address:08X}")
        return None
