"""Writes a report as one HTML page without scripts, which opens without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jena_etl.report.figure import Picture


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names it.

    Attributes:
        title: what a screen reader announces it as.
        heads: the heads of the columns.
        rows: the cells.
        quiet: the names of the rows that are set in a quiet colour.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    quiet: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page, with its parts in the order in which they are shown."""

    title: str
    paragraphs: Sequence[str] = ()
    items: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    listing: str = ""


@dataclass(frozen=True)
class Page:
    """The whole page.

    Attributes:
        title: the heading.
        label: shown below it in large letters, so that nobody takes synthetic or stand-in data for
            the real series; "" for none.
        summary: the result in a paragraph.
        credit: who recorded the data, and its licence.
        sections: the parts of the page.
    """

    title: str
    label: str
    summary: str
    credit: str
    sections: Sequence[Section] = ()


def render_page(page: Page) -> str:
    """Render the page as HTML, with every value escaped."""
    return render_template("page.html.jinja", vars(page))


def render_template(
    name: str, values: Mapping[str, Any], finalize: Callable[[object], str] | None = None
) -> str:
    """Fill in a template that lies beside this module, with every value escaped.

    Args:
        name: the template's file.
        values: by the names that they have in it.
        finalize: what is done to each value in place of escaping it for HTML. It marks as Markup
            what is not to be escaped for HTML as well.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("jena_etl.report", "."),
        autoescape=True,  # a macro's result is then Markup, which is not escaped a second time
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(values)
