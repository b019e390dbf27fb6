"""Doctests, reST tables and aligned lists of the docstrings as code blocks, for mkdocstrings."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

DOCTEST = re.compile(r"^>>> .*(?:\n(?!\n).*)*", re.MULTILINE)
TABLE = re.compile(r"^=+ +=.*(?:\n(?!\n).*)*", re.MULTILINE)
POWER = re.compile(r"(`+)[^`]+\1|(?<=\d)\*\*")
LIST = re.compile(r"^\S+(?:, \w+)* {2,}\S.*(?:\n(?!\n).*)*", re.MULTILINE)


class CodeBlocks(Extension):
    """Fences what Markdown would take for quotations, headings or a paragraph."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """:param obj: a module, class, function or attribute that was read."""
        if obj.docstring is not None:
            text = re.sub(r"::$", ":", obj.docstring.value, flags=re.MULTILINE)
            text = text.replace(":raises:", ":raises FoldlineError:")
            text = re.sub(r":raises [\w, ]+:", lambda found: found[0].replace(", ", "|"), text)
            text = POWER.sub(lambda found: found[0] if found[1] else r"\*\*", text)
            for pattern, language in ((DOCTEST, "pycon"), (TABLE, "text"), (LIST, "text")):
                text = pattern.sub(lambda found, name=language: f"```{name}\n{found[0]}\n```", text)
            obj.docstring.value = text
