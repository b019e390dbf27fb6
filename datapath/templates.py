"""`render_template`: a text file with values in its places, for packages that hold templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jinja2


def render_template(
    package: str, name: str, /, *, html: bool = False, filters: Mapping[str, Callable] | None = None, **values: object
) -> str:
    """The text of ``templates/NAME`` in a package; a line that holds only a statement leaves none.

    :param package: import name of the package, such as "hls_gen".
    :param name: path of the template in the package's folder ``templates``.
    :param html: escape values for HTML.
    :param filters: what the template may call, by name, besides Jinja's filters.
    :param values: what the template may use, by name.
    :raises jinja2.UndefinedError: the template uses a name that is not given.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        undefined=jinja2.StrictUndefined,
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(name).render(**values)
