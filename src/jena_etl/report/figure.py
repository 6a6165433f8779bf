"""Draws pictures as SVG whose bytes are the same on every machine.

Matplotlib does the drawing. It measures text with a font that it ships, so the layout does not
depend on the fonts of the machine (Altair's converter uses those it finds), and most people who
work with Python know how to change a picture.

Text and axes have the colour of the text around the picture (`currentColor`), so that a picture can
be read on a light and on a dark page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.0  # inches of 72 points; the page scales it to its own width
# At least 3:1 against white and against the page's dark background (WCAG 2.2, 1.4.11).
BLUE, ORANGE, GREEN, PURPLE, GREY = "#3f83c8", "#d9652a", "#2b9a66", "#a066c0", "#8a8a8a"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, "#b8860b", "#c2528b")
SPLIT_COLOURS = {"train": BLUE, "validation": GREEN, "test": ORANGE}
INK = "#010203"  # a colour that nothing else has; `currentColor` takes its place

STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "path.simplify": True,
    "svg.fonttype": "none",  # text stays text: small, and it can be searched and read aloud
    "text.color": INK,
    "timezone": "UTC",
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True)
class Picture:
    """A drawing and its words.

    Attributes:
        name: the name of its file, without .svg.
        title: the line above it, which a screen reader reads first.
        caption: what there is to see, in a sentence or two.
        svg: the drawing, which can be put into an HTML page beside others.
    """

    name: str
    title: str
    caption: str
    svg: str


def with_unit(label: str, unit: str) -> str:
    """A label with the unit in brackets, if there is one.

    >>> with_unit("MAE", "degC"), with_unit("MAE", "")
    ('MAE (degC)', 'MAE')
    """
    return f"{label} ({unit})" if unit else label


def draw(
    plot: Callable[[Figure], None], *, name: str, title: str, caption: str, height: float
) -> Picture:
    """Draw a picture.

    Args:
        plot: called with an empty figure to draw in.
        name: the picture's name. Every id in the SVG begins with it, so that ids do not clash when
            several pictures share a page.
        title: the line above it.
        caption: what there is to see, in a sentence or two.
        height: in inches; the width is WIDTH.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height))
        plot(figure)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return Picture(name, title, caption, _for_a_page(buffer.getvalue(), name, title, caption))


def label_days(axes: Axes) -> None:
    """Label a time axis that spans some days with every other day."""
    from matplotlib.dates import DateFormatter, DayLocator

    axes.xaxis.set_major_locator(DayLocator(interval=2))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]


def label_few_times(axes: Axes) -> None:
    """Label the time axis of a small picture, whatever it spans, with few short labels."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _for_a_page(text: str, name: str, title: str, caption: str) -> str:
    """Prepare Matplotlib's SVG for a page: make its ids unique, add a title and a description."""
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    text = text.replace(INK, "currentColor")
    # A tenth of a point is finer than a screen shows; further digits may depend on the processor.
    text = re.sub(r' (?:d|x|y|transform)="[^"]*"', _rounded, text)
    (size,) = re.findall(r'viewBox="(0 0 [\d.]+ [\d.]+)"', text)
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{size}" role="img" aria-labelledby="{name}-title {name}-desc">\n'
        f'<title id="{name}-title">{escape(title)}</title>\n'
        f'<desc id="{name}-desc">{escape(caption)}</desc>'
    )
    drawing = text[text.index("<svg") :]
    return opening + drawing[drawing.index(">") + 1 :]


def _rounded(attribute: re.Match[str]) -> str:
    return re.sub(r"-?\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", attribute[0])
