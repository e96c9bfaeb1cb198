"""HTML pages from templates: self-contained, in one look, written whole or not at all."""

import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jinja2


def write_page(path: pathlib.Path, template: str, values: Mapping[str, Any]) -> None:
    """Write a template, named by its path in the package, with everything that it names."""
    page = environment().get_template(template).render(**values)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(page, encoding="utf-8")
    os.replace(partial, path)


@functools.cache
def environment() -> jinja2.Environment:
    """Return the templates of pages, which may write numbers as `percent` and the like do."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("sgan_jax", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"percent": percent, "thousands": thousands, "duration": duration}
    return templates


def percent(value: float | None, digits: int = 1) -> str:
    """Return '81.3 %', or a dash where there is no value."""
    return "–" if value is None else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def thousands(value: int) -> str:
    """Return '12 345' with thin spaces that do not break."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(seconds: float) -> str:
    """Return '45 s', '12 min', '3 h 05 min'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
