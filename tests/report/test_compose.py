from __future__ import annotations

import pytest

from jena_etl.report.compose import POLICIES, data_label
from jena_etl.windows import policies


@pytest.mark.parametrize(
    ("label", "synthetic", "shown"),
    [
        (None, False, ""),
        ("STAND-IN", False, "STAND-IN"),
        (None, True, "SYNTHETIC DATA"),
        ("TRIAL", True, "SYNTHETIC DATA, TRIAL"),
    ],
)
def test_no_label_hides_that_data_is_synthetic(
    label: str | None, shown: str, *, synthetic: bool
) -> None:
    assert data_label(label, synthetic=synthetic) == shown


def test_every_policy_is_explained() -> None:
    assert set(POLICIES) == set(policies.POLICIES)
