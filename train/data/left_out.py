"""`LeftOut`: what a reader leaves out, and why, as messages for the user."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

FEW = 5
"""So many messages of one kind are given one by one; more become one message with their number."""


@dataclass
class LeftOut:
    """Collects what is left out.

    >>> left_out = LeftOut()
    >>> left_out.add("lines without a text", "a.txt line 3 (b)", "its text is empty.")
    >>> left_out.messages()
    ('a.txt line 3 (b) is left out: its text is empty.',)
    """

    entries: list[tuple[str, str, str]] = field(default_factory=list)
    """(kind, place, reason), in the order in which they were found."""

    def add(self, kind: str, where: str, reason: str) -> None:
        """Note one.

        :param kind: what a group of them is, in the plural: "lines without a text".
        :param where: file, and line or name in it.
        :param reason: a clause that ends with a full stop.
        """
        self.entries.append((kind, where, reason))

    def __len__(self) -> int:
        return len(self.entries)

    def messages(self) -> tuple[str, ...]:
        """One message for each, or for each kind of which there are more than `FEW`."""
        counts = Counter(kind for kind, _, _ in self.entries)
        grouped: set[str] = set()
        found = []
        for kind, where, reason in self.entries:
            if counts[kind] <= FEW:
                found.append(f"{where} is left out: {reason}")
            elif kind not in grouped:
                grouped.add(kind)
                found.append(f"{counts[kind]} {kind} are left out. The first is {where}: {reason}")
        return tuple(found)
