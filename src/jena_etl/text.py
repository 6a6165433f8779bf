"""Text for people to read, in a terminal, a notebook or a Markdown file."""

from __future__ import annotations

import re

MARKUP = re.compile(r"[\\`*<>|&\[\]]")


def printable(text: str) -> str:
    r"""Write every character that cannot be seen as its escape; line ends stay.

    Names of columns, files and keys come from outside. A control character in one could overwrite
    the terminal or change its title, and a right-to-left mark shows a name in another order than
    it has; so whatever is printed goes through here. Spaces other than the plain one are escaped,
    too, because they make two names look alike.

    >>> print(printable("wind\x1b[2J \u202espeed, 9\N{DEGREE SIGN}"))
    wind\x1b[2J \u202espeed, 9°
    """
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1]
        for character in text
    )


def markdown(text: str) -> str:
    r"""The text as Markdown that shows it letter by letter, in a table's cell as well.

    >>> print(markdown("max. wv | <b>"))
    max. wv \| \<b\>
    """
    return MARKUP.sub(r"\\\g<0>", printable(text))
