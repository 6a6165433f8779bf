"""Which features params.yaml can ask for, what their columns are called, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from jena_etl.errors import ParamsError
from jena_etl.params import Params, read_params
from jena_etl.params_features import feature_names, feature_units
from tests.prepare.test_features import EVERY_KIND, P, T, features_of


def test_a_name_ends_in_the_unit_of_the_input() -> None:
    features = features_of(*EVERY_KIND)
    units = {T: "degC", P: "mbar", "wv (m/s)": "m/s", "wd (deg)": "deg", "Tdew (degC)": "degC"}
    assert feature_units(features, units) == {
        "time of day, sine": "",
        "time of day, cosine": "",
        "time of year, sine": "",
        "time of year, cosine": "",
        "wv eastward (m/s)": "m/s",
        "wv northward (m/s)": "m/s",
        "T difference over 6 rows (degC)": "degC",
        "p tendency over 18 rows (mbar)": "mbar",
        "T rolling mean over 12 rows (degC)": "degC",
        "T rolling minimum over 5 rows (degC)": "degC",
        "p rolling maximum over 3 rows (mbar)": "mbar",
        "dew point depression (degC)": "degC",
    }
    assert feature_names(features) == tuple(feature_units(features, units))


def test_a_unit_of_params_yaml_is_that_of_the_feature() -> None:
    (feature,) = features_of({"kind": "difference", "column": "CO2", "rows": 3})
    assert feature.names == ("CO2 difference over 3 rows",)
    assert feature_units([feature], {"CO2": "ppm"}) == {"CO2 difference over 3 rows": "ppm"}


def params_with(folder: Path, checkout: Path, features: Any, **convert: Any) -> Params:
    params = YAML().load(checkout / "params.yaml")
    params["features"] = features
    params["convert"].update(convert)
    YAML().dump(params, folder / "params.yaml")
    return read_params(folder / "params.yaml")


def test_every_kind_can_be_asked_for(tmp_path: Path, checkout: Path) -> None:
    assert params_with(tmp_path, checkout, EVERY_KIND).features == features_of(*EVERY_KIND)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (None, "features: input should be a valid list, found None"),
        ({}, "features: input should be a valid list, found {}"),
        (["time_of_day"], "features: input should be a valid block of keys, found 'time_of_day'"),
        (
            [{"column": T, "rows": 6}],
            "features: kind is missing, which says what the block asks for, found {'column':",
        ),
        (
            [{"kind": "rolling_maximun", "column": T, "rows": 6}],
            "features: there is no kind 'rolling_maximun'; did you mean 'rolling_maximum'?",
        ),
        (
            [{"kind": "difference", "column": T}],
            "features.difference.rows is missing; add it",
        ),
        (
            [{"kind": "difference", "colum": T, "rows": 6}],
            "features.difference: colum is not a key; did you mean 'column'?",
        ),
        (
            [{"kind": "difference", "column": T, "rows": 0}],
            "features.difference.rows: input should be greater than 0, found 0",
        ),
        (
            [{"kind": "rolling_mean", "column": T, "rows": 1}],
            "features.rolling_mean.rows: input should be greater than or equal to 2, found 1",
        ),
        (
            [{"kind": "difference", "column": T, "rows": "6"}],
            "features.difference.rows: input should be a valid integer, found '6'",
        ),
        (
            [{"kind": "difference", "column": "T (degF)", "rows": 6}],
            "features.difference.column: 'T (degF)' is not one of convert.columns; did you mean",
        ),
        (
            [{"kind": "wind_vector", "direction": "wd"}],
            "features.wind_vector.direction: 'wd' is not one of convert.columns",
        ),
        (
            [{"kind": "time_of_day"}, {"kind": "time_of_day"}],
            "features: there are two columns 'time of day, sine'; remove one, or rename",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, checkout: Path, features: Any, message: str) -> None:
    with pytest.raises(ParamsError) as caught:
        params_with(tmp_path, checkout, features)
    assert str(caught.value).startswith(f"params.yaml: {message}")
    assert "\n" not in str(caught.value)


def test_a_name_that_a_column_of_the_file_has_already(tmp_path: Path, checkout: Path) -> None:
    taken = "T difference over 6 rows (degC)"
    with pytest.raises(ParamsError, match="there are two columns 'T difference over 6 rows"):
        params_with(
            tmp_path,
            checkout,
            [{"kind": "difference", "column": T, "rows": 6}],
            columns=[T, taken],
        )


def test_an_address_is_not_repeated(tmp_path: Path, checkout: Path) -> None:
    with pytest.raises(ParamsError) as caught:
        params_with(tmp_path, checkout, [{"kind": "https://ann:s3cret@example.org"}])
    assert "s3cret" not in str(caught.value)
