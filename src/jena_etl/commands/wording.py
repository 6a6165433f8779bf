"""How the commands write timestamps and lengths of time."""

from __future__ import annotations

from datetime import timedelta

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def timestamp_text(timestamp: object) -> str:
    """A timestamp, without its seconds if they are zero.

    >>> timestamp_text("2009-01-01T00:00:00"), timestamp_text("2009-01-01T00:10:30")
    ('2009-01-01 00:00', '2009-01-01 00:10:30')
    """
    return str(timestamp).replace("T", " ").removesuffix(":00")


def period_text(first: object, last: object) -> str:
    """A period from one timestamp to another; just one of them if they are the same.

    >>> period_text("2009-01-01T00:10:00", "2009-01-02T00:10:00")
    '2009-01-01 00:10 to 2009-01-02 00:10'
    """
    texts = dict.fromkeys((timestamp_text(first), timestamp_text(last)))
    return " to ".join(texts)


def duration_text(seconds: int) -> str:
    """A length of time in its largest whole unit, or as h:mm:ss if it takes several units.

    >>> [duration_text(seconds) for seconds in (600, 86_400 * 5, 3_600, 5_400, 45, 3_661)]
    ['10 minutes', '5 days', '1 hour', '90 minutes', '45 seconds', '1:01:01']
    """
    unit, size = next(item for item in UNITS if seconds % item[1] == 0)
    if unit == "second" and seconds >= 3_600:  # noqa: PLR2004  an hour
        return str(timedelta(seconds=seconds))
    count = seconds // size
    return f"{count:,} {unit}{'s' * (count != 1)}"


def every_text(seconds: int) -> str:
    """How often something happens.

    >>> every_text(600), every_text(3_600)
    ('every 10 minutes', 'every hour')
    """
    return f"every {duration_text(seconds).removeprefix('1 ')}"
