from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

from jena_etl.report.figure import INK, Picture, draw

EVIL = '<script>alert("1")</script> & more'


def picture(name: str, caption: str = "A line.") -> Picture:
    def plot(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot([1, 2, 3], [3, 1, 2], label=EVIL)
        axes.legend()

    return draw(plot, name=name, title=EVIL, caption=caption, height=2)


def test_the_same_picture_has_the_same_bytes() -> None:
    assert picture("a").svg == picture("a").svg


def test_two_pictures_on_a_page_share_no_id() -> None:
    ids = [set(re.findall(r'\bid="([^"]+)"', picture(name).svg)) for name in ("a", "b")]
    assert ids[0]
    assert not ids[0] & ids[1]
    svg = picture("a").svg
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
    assert used
    assert set(used) <= ids[0]


def test_a_picture_has_the_colour_of_the_text_around_it() -> None:
    svg = picture("a").svg
    assert "currentColor" in svg
    assert INK not in svg
    assert "<metadata>" not in svg


def test_words_in_a_picture_are_escaped_and_read_aloud() -> None:
    root = ET.fromstring(picture("a", caption=EVIL).svg)  # noqa: S314  our own
    svg = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert [root.findtext(f"{svg}{tag}") for tag in ("title", "desc")] == [EVIL, EVIL]
    assert root.get("aria-labelledby") == "a-title a-desc"
    assert not list(root.iter("script")) + list(root.iter(f"{svg}script"))
