from __future__ import annotations

from html.parser import HTMLParser

from jena_etl.report.figure import Picture
from jena_etl.report.page import Page, Section, Table, render_page

EVIL = "<b>&\"'</b>"


class Reader(HTMLParser):
    """Collects the elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def page(word: str) -> str:
    section = Section(
        title=word,
        paragraphs=[word],
        items=[word],
        tables=[Table(word, (word, word), [(word, word)])],
        pictures=[Picture("name", word, word, "<svg></svg>")],
        listing=word,
    )
    return render_page(Page(word, word, word, word, [section]))


def test_every_value_is_shown_as_it_is_written() -> None:
    evil, plain = Reader(page(EVIL)), Reader(page("word"))
    assert evil.elements == plain.elements
    assert "svg" in evil.elements
    assert "b" not in evil.elements
    # Title, heading, label, summary, section's title, paragraph, item, two heads, two cells, the
    # picture's title and caption, listing, credit.
    assert evil.text.count(EVIL) == 15
    assert plain.text.count("word") == 15


def test_a_page_without_a_label_has_no_empty_box() -> None:
    assert 'class="label"' in render_page(Page("t", "STAND-IN", "s", "c"))
    assert 'class="label"' not in render_page(Page("t", "", "s", "c"))
