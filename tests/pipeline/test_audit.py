"""`jena-etl audit` with a real training, in a reproduced repository."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.nightly


def test_two_trainings_end_with_the_same_weights(built: Any) -> None:
    output = built.run("jena-etl", "audit")
    lines = [line for line in output.splitlines() if line.startswith(("ok ", "LEAK "))]
    assert len(lines) == 8
    assert all(line.startswith("ok ") for line in lines)
    assert "weights of dense after an epoch: the same" in lines[-1]
