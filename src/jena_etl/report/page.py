"""Writes a report as one HTML page without scripts, which opens without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    sections: Sequence[Section] = field(default=())


def render_page(page: Page) -> str:
    """Render the page as HTML, with every value escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("jena_etl.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("page.html.jinja")
    return template.render(vars(page))
