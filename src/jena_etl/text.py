"""Text for people to read, in a terminal, a notebook or a Markdown file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

SHOWN, SHOWN_LETTERS = 30, 60  # of names listed in a message
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


def nearest(name: str, known: Iterable[str]) -> str:
    """What to add to a message about an unknown name: a close match, else the names there are.

    >>> nearest("lstn", ["dense", "lstm"]), nearest("x", ["dense", "lstm"])
    ("; did you mean 'lstm'?", '; there are: dense, lstm')
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    # Names may come from a file, and what is not a CSV at all would fill the screen.
    shown = [f"{name:.{SHOWN_LETTERS}}" for name in names[:SHOWN]]
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"; there are: {', '.join(shown)}{more}"
