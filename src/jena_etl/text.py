"""Text for people to read, in a terminal, a notebook or a Markdown file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

SHOWN_NAMES, SHOWN_LETTERS = 30, 60  # how many names a message lists, and how much of each
# Those of Markdown that mean something inside a line; an underscore only does at a word's edge.
MARKUP = re.compile(r"[\\`*<>|&\[\]~]|(?<![^\W_])_|_(?![^\W_])")


def printable(text: str) -> str:
    r"""The text with every invisible character written as an escape; line ends are kept.

    Names of columns, files and keys come from outside. A control character in one could overwrite
    the terminal or change its title, and a right-to-left mark shows a name in the wrong order, so
    everything that is printed goes through here. Spaces other than the plain one are escaped too,
    because they make different names look alike.

    >>> print(printable("wind\x1b[2J \u202espeed, 9\N{DEGREE SIGN}"))
    wind\x1b[2J \u202espeed, 9°
    """
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1]
        for character in text
    )


def markdown(text: str) -> str:
    r"""The text escaped so that Markdown shows it as it is, even in a table cell.

    >>> print(markdown("max. wv | <b> _dry_ simple_rnn"))
    max. wv \| \<b\> \_dry\_ simple_rnn
    """
    return MARKUP.sub(r"\\\g<0>", printable(text))


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    r"""The lines of a Markdown table of names, to the left, and figures, to the right.

    >>> print(*markdown_table(["station", "MAE"], [["jena", "1.5"]]), sep="\n")
    | station | MAE |
    |:--|--:|
    | jena | 1.5 |
    """
    first, *others = (f"| {' | '.join(map(markdown, row))} |" for row in (heads, *rows))
    return [first, "|:--" + "|--:" * (len(heads) - 1) + "|", *others]


def without_credentials(address: str) -> str:
    """A URL for messages, without what may be secret: a user name, a password, the query.

    >>> without_credentials("https://ann:s3cret@example.org/a.git?token=t")
    'https://example.org/a.git'
    >>> without_credentials("git@example.org:a.git")
    'git@example.org:a.git'
    """
    return re.sub("(?s):.*@", "://", re.split("[?#]", address, maxsplit=1)[0])


def nearest(name: str, known: Iterable[str]) -> str:
    """What to add to a message about an unknown name: the closest known one, or else all of them.

    >>> nearest("lstn", ["dense", "lstm"]), nearest("x", ["dense", "lstm"])
    ("; did you mean 'lstm'?", '; there are: dense, lstm')
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    # The names may come from a file that is not a CSV at all; listed in full, they would fill the
    # screen.
    shown = [f"{name:.{SHOWN_LETTERS}}" for name in names[:SHOWN_NAMES]]
    more = f" and {len(names) - SHOWN_NAMES:,} more" if len(names) > SHOWN_NAMES else ""
    return f"; there are: {', '.join(shown)}{more}"
