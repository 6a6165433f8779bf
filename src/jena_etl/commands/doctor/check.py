"""One line of the doctor's report, and helpers to write its parts."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was checked.
        mark: ok, note (worth knowing) or fault (something is wrong).
        found: what was found, in words.
        next: the command to type in the project folder, or "".
    """

    name: str
    mark: Literal["ok", "note", "fault"]
    found: str
    next: str = ""


def first_few(names: Iterable[str], most: int = 3) -> str:
    """The first names of a list that may be long.

    >>> first_few("abcde")
    'a, b, c and 2 more'
    """
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def command(verb: str, names: Iterable[str]) -> str:
    """`verb` followed by the names, quoted for a shell; "" if there are no names."""
    listed = shlex.join(names)
    return f"{verb} {listed}" if listed else ""


def in_turn(commands: Iterable[str]) -> str:
    """Join commands into one line, leaving out empty ones."""
    return " && ".join(filter(None, commands))


def size(count: int) -> str:
    """A number of bytes, in the largest unit of which there is at least one.

    >>> size(999), size(13_565_642), size(2_000_000_000)
    ('999 bytes', '13.6 MB', '2.0 GB')
    """
    for unit, unit_bytes in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= unit_bytes:
            return f"{count / unit_bytes:,.1f} {unit}"
    return f"{count} bytes"
