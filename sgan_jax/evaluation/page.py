"""HTML pages from templates: self-contained, in a common style, written atomically."""

import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jinja2


def write_page(path: pathlib.Path, template: str, values: Mapping[str, Any]) -> None:
    """Render a template, given by its path in the package, with its values, and write the page."""
    page = environment().get_template(template).render(**values)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(page, encoding="utf-8")
    os.replace(partial, path)


@functools.cache
def environment() -> jinja2.Environment:
    """Return the template environment, with the filters `percent`, `thousands` and `duration`."""
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
    """Return '81.3 %', or a dash for None."""
    return "–" if value is None else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def thousands(value: int) -> str:
    """Return '12 345' with narrow no-break spaces."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(seconds: float) -> str:
    """Return '45 s', '12 min', '3 h 05 min'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
