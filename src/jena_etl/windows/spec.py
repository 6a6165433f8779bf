"""The arithmetic of one window, in Keras' terms."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from jena_etl.errors import WindowError

ORDERS = ("forward", "reversed")
INT64_MAX = (1 << 63) - 1
DRAWN_INPUTS = 3  # the first inputs that a drawing shows, before the last one


def whole_number(name: str, value: object, least: int) -> int:
    """Check an argument that counts something, and return it as Python's own int.

    Raises:
        WindowError: it is not a whole number, is below `least`, or does not fit into int64. The
            message begins with the name in backticks, as in Keras.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise WindowError(f"`{name}` must be a whole number of at least {least}, found {value!r}")
    if value > INT64_MAX:
        raise WindowError(f"`{name}` must be at most {INT64_MAX:,}, found {value:,}")
    return int(value)


def input_steps(sequence_length: int, sampling_rate: int, order: str) -> np.ndarray:
    """The offsets of a window's inputs from its start, int64 (sequence_length,).

    Raises:
        WindowError: the order is neither forward nor reversed.

    >>> input_steps(3, 6, "reversed").tolist()
    [12, 6, 0]
    """
    if order not in ORDERS:
        raise WindowError(f"`order` must be one of {', '.join(ORDERS)}, found {order!r}")
    steps = np.arange(sequence_length) * sampling_rate
    return steps if order == "forward" else steps[::-1]


@dataclass(frozen=True, kw_only=True)
class WindowSpec:
    """One window: the rows it reads and the row it forecasts.

    A window that starts at row s reads the rows s, s + r, ..., s + (L - 1) r, and its target is
    row s + r (L + H - 1), with r = sampling_rate, L = sequence_length and H = horizon.

    Attributes:
        sequence_length: L, inputs per window.
        sampling_rate: r, rows from one input to the next.
        horizon: H, sampled steps from the last input to the target.
        sequence_stride: rows from the start of one window to the start of the next.

    Raises:
        WindowError: a value is not a whole number of at least 1.

    >>> jena = WindowSpec(sequence_length=120, sampling_rate=6, horizon=24)
    >>> jena.last_input, jena.target, jena.span
    (714, 858, 859)
    >>> jena.count(420_451)
    419593
    """

    sequence_length: int
    sampling_rate: int = 1
    horizon: int = 1
    sequence_stride: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = whole_number(field.name, getattr(self, field.name), 1)
            object.__setattr__(self, field.name, value)

    @property
    def last_input(self) -> int:
        """Rows from a window's start to its last input."""
        return (self.sequence_length - 1) * self.sampling_rate

    @property
    def target(self) -> int:
        """Rows from a window's start to its target."""
        return self.last_input + self.horizon * self.sampling_rate

    @property
    def span(self) -> int:
        """Rows from a window's start to its target, both included."""
        return self.target + 1

    def count(self, rows: int) -> int:
        """How many windows fit into `rows` rows, including their targets."""
        return len(range(0, rows - self.target, self.sequence_stride))

    def __str__(self) -> str:
        """A drawing of the window.

        >>> print(WindowSpec(sequence_length=120, sampling_rate=6, horizon=24))
        row   +0      +6      +12       ...  +714                   +858
              ●───────●───────●──────── ... ─●──────────────────────◆
              input 1 input 2 input 3        input 120 = issued     target, 24 steps later
        """

        def column(offset: int, name: str, gap: int) -> tuple[str, str, str]:
            width = len(name) + gap
            return f"+{offset}".ljust(width), "●".ljust(width, "─"), name.ljust(width)

        first_inputs = range(min(self.sequence_length, DRAWN_INPUTS))
        columns = [
            ("row   ", " " * 6, " " * 6),
            *(column(step * self.sampling_rate, f"input {step + 1}", 1) for step in first_inputs),
        ]
        if self.sequence_length > DRAWN_INPUTS:
            columns.append(("  ...  ", "─ ... ─", " " * 7))
            columns.append(column(self.last_input, f"input {self.sequence_length} = issued", 5))
        steps = f"{self.horizon} step{'s' * (self.horizon > 1)}"
        columns.append((f"+{self.target}", "◆", f"target, {steps} later"))
        return "\n".join("".join(parts) for parts in zip(*columns, strict=True))
