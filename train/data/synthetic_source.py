"""``synthetic[:LINES[:FONTS]]``: how a command line names synthetic lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from datapath.errors import ConfigError
from datapath.quoting import quoted

SYNTHETIC = "synthetic"
MAX_LINES = 1_000_000


@dataclass(frozen=True)
class SyntheticSource:
    """Synthetic lines that a command asks for."""

    lines: int | None = None  # training lines, 1 to `MAX_LINES`; None for the default
    fonts: Path | None = None  # folder of fonts beside those of matplotlib

    @classmethod
    def of(cls, data: str) -> SyntheticSource | None:
        """Read the value of an option.

        :param data: as `str` gives it back.
        :returns: None if it names other lines.
        :raises ConfigError: synthetic lines, but not of this form.
        """
        name, colon, rest = data.partition(":")
        if name != SYNTHETIC:
            return None
        if not colon:
            return cls()
        match = re.fullmatch(r"([0-9]{1,9})(?::(.+))?", rest, re.DOTALL)
        if match is None or not 1 <= int(match[1]) <= MAX_LINES:
            raise ConfigError(
                f"data is {quoted(data)}; after synthetic: comes the number of lines, 1 to {MAX_LINES}, and perhaps a colon "
                f"and a folder of fonts."
            )
        return cls(int(match[1]), None if match[2] is None else Path(match[2]))

    def __str__(self) -> str:
        parts = (SYNTHETIC, self.lines, self.fonts)
        return ":".join(str(part) for part in parts if part is not None)

    def resolve(self) -> SyntheticSource:
        """The same from any working folder."""
        return SyntheticSource(self.lines, None if self.fonts is None else self.fonts.resolve())
