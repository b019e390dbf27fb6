"""Templates: text around constants, in which a name that is not given is an error."""

from __future__ import annotations

import jinja2


def render_template(name: str, /, **values: object) -> str:
    """The text of ``templates/NAME`` with `values` in their places; a line that holds only a statement leaves none.

    :raises jinja2.UndefinedError: the template asks for a value that is not given.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hls_gen"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(**values)
