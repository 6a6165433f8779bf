"""params.yaml changed in the user's stead: comments stay, DVC's form, only if it is valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from jena_etl.commands.edit_params import edit_params
from jena_etl.errors import ParamsError
from jena_etl.params import read_params


@pytest.fixture
def params_yaml(tmp_path: Path, checkout: Path) -> Path:
    copy = tmp_path / "params.yaml"
    copy.write_bytes((checkout / "params.yaml").read_bytes())
    return copy


def test_comments_stay_and_dvc_would_write_the_same(params_yaml: Path) -> None:
    def change(params: Any) -> None:
        params["window"]["horizon"] = 12
        params["convert"]["members"] = ["a.csv", "b.csv"]
        params["convert"]["units"] = {"wv (m/s)": "m/s"}

    before = params_yaml.read_text()
    edit_params(params_yaml, change)
    written = params_yaml.read_text()
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in written.splitlines() if "#" in line] == comments
    assert read_params(params_yaml).convert.units == {"wv (m/s)": "m/s"}
    apply_overrides(params_yaml, [])
    assert params_yaml.read_text() == written


def test_what_is_not_valid_is_not_written(params_yaml: Path) -> None:
    before = params_yaml.read_bytes()
    with pytest.raises(ParamsError, match=r"window\.horizon"):
        edit_params(params_yaml, lambda params: params["window"].update(horizon=0))
    assert params_yaml.read_bytes() == before
    assert [file.name for file in params_yaml.parent.iterdir()] == ["params.yaml"]
