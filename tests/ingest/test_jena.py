"""The station's columns and formulas, against rows copied from its recordings."""

import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jena_etl.ingest import jena, plausibility
from jena_etl.ingest.jena import FloatArray

YEAR_2020 = Path(__file__).parents[2] / "../shared/data/weather_2020.csv.zip"

# Recorded rows from p to rho, in JENA_COLUMNS' order: a winter night of 2009, then 2020-01-15
# 07:00, 2020-06-28 06:00, 2020-08-09 15:00 (hot and dry) and 2020-12-31 23:50.
ROWS = (
    (996.52, -8.02, 265.40, -8.90, 93.30, 3.33, 3.11, 0.22, 1.94, 3.12, 1307.75),
    (989.73, 10.76, 284.76, 1.77, 53.69, 12.93, 6.94, 5.99, 4.38, 7.02, 1211.15),
    (986.79, 19.57, 293.84, 16.72, 83.60, 22.80, 19.06, 3.74, 12.10, 19.32, 1165.78),
    (989.64, 33.67, 307.74, 12.12, 27.07, 52.29, 14.15, 38.13, 8.94, 14.30, 1117.55),
    (978.26, 2.07, 276.95, -0.77, 81.40, 7.09, 5.77, 1.32, 3.68, 5.90, 1235.49),
)
RECORDED = dict(zip(jena.JENA_COLUMNS, np.array(ROWS).T, strict=False))

# How far a formula may be from the recorded digits: 0.01 is the rounding of its inputs.
# Tpot, Tdew and rho as schema's docstrings say.
TOLERANCES = {
    "VPmax (mbar)": 0.01,
    "VPact (mbar)": 0.01,
    "VPdef (mbar)": 0.01,
    "sh (g/kg)": 0.01,
    "H2OC (mmol/mol)": 0.01,
    "Tdew (degC)": 0.03,
    "Tpot (K)": 0.02,
    "rho (g/m**3)": 0.12,
}


def computed(recorded: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Apply every formula to recorded columns."""
    p, t, rh = recorded["p (mbar)"], recorded["T (degC)"], recorded["rh (%)"]
    vpmax, vpact = recorded["VPmax (mbar)"], recorded["VPact (mbar)"]
    return {
        "VPmax (mbar)": jena.saturation_vapour_pressure(t),
        "VPact (mbar)": jena.vapour_pressure(vpmax, rh),
        "VPdef (mbar)": jena.vapour_pressure_deficit(vpmax, vpact),
        "sh (g/kg)": jena.specific_humidity(vpact, p),
        "H2OC (mmol/mol)": jena.water_concentration(vpact, p),
        "Tdew (degC)": jena.dew_point(vpact),
        "Tpot (K)": jena.potential_temperature(t, p),
        "rho (g/m**3)": jena.air_density(t, p, recorded["sh (g/kg)"]),
    }


@pytest.mark.parametrize("name", TOLERANCES)
def test_formula_gives_the_recorded_rows(name: str) -> None:
    off = np.abs(np.round(computed(RECORDED)[name], 2) - RECORDED[name])
    assert off.max() < TOLERANCES[name] + 0.005, off


def test_formulas_give_the_year_2020() -> None:
    if not YEAR_2020.exists():
        pytest.skip(f"no recorded year at {YEAR_2020}")
    with zipfile.ZipFile(YEAR_2020) as archive:
        text = archive.read("weather_2020.csv")
    columns = list(jena.JENA_COLUMNS[:11])
    frame = pl.read_csv(io.BytesIO(text), columns=columns, encoding="utf8-lossy")
    recorded = {name: frame[name].cast(pl.Float64).to_numpy() for name in columns}
    assert frame.height == 52_696
    for name, values in computed(recorded).items():
        off = np.abs(np.round(values, 2) - recorded[name])
        assert off.max() < TOLERANCES[name] + 0.005, name


def test_formulas_hold_within_their_own_rounding_for_recorded_rows() -> None:
    for formula in plausibility.FORMULAS:
        inputs = [RECORDED[name] for name in formula.inputs]
        assert formula.excess(RECORDED[formula.column], inputs).max() < 0, formula.column


def test_what_rounding_explains_is_worked_out() -> None:
    """VPact from VPmax 20.00 and rh 50.0: 10 +- 0.005 own, 0.0025 of VPmax, 0.01 of rh."""
    (formula,) = [each for each in plausibility.FORMULAS if each.column == "VPact (mbar)"]
    recorded = np.array([10.0, 10.0174, 9.9824, 10.0276])
    excess = formula.excess(recorded, [np.full(4, 20.0), np.full(4, 50.0)])
    np.testing.assert_allclose(excess, [-0.0175, -0.0001, 0.0001, 0.0101], atol=2e-6)


def test_ranges_hold_every_recorded_row_and_no_sentinel() -> None:
    assert list(plausibility.RANGES) == list(jena.JENA_COLUMNS)
    for name, values in RECORDED.items():
        low, high = plausibility.RANGES[name]
        assert low <= values.min() <= values.max() <= high
        assert not low <= -9999 <= high


def test_derived_ranges_are_what_the_formulas_make_of_the_measured_ones() -> None:
    """Corners of pressure, temperature and dew point; each limit rounded outwards."""
    (p0, p1), (t0, t1) = plausibility.RANGES["p (mbar)"], plausibility.RANGES["T (degC)"]
    one = np.ones(1)
    vpmax = jena.saturation_vapour_pressure(one * t1)
    vpact = jena.saturation_vapour_pressure(one * plausibility.RANGES["Tdew (degC)"][1])
    sh = jena.specific_humidity(vpact, one * p0)
    widest = {
        "Tpot (K)": (
            jena.potential_temperature(one * t0, one * p1),
            jena.potential_temperature(one * t1, one * p0),
        ),
        "VPmax (mbar)": (0.0 * one, vpmax),
        "VPact (mbar)": (0.0 * one, vpact),
        "VPdef (mbar)": (0.0 * one, vpmax),
        "sh (g/kg)": (0.0 * one, sh),
        "H2OC (mmol/mol)": (0.0 * one, jena.water_concentration(vpact, one * p0)),
        "rho (g/m**3)": (
            jena.air_density(one * t1, one * p0, sh),
            jena.air_density(one * t0, one * p1, 0.0 * one),
        ),
    }
    for name, (low, high) in widest.items():
        assert (
            plausibility.RANGES[name][0] <= low[0] <= 1.06 * plausibility.RANGES[name][0] + 1e-9
        ), name
        assert 0.97 * plausibility.RANGES[name][1] <= high[0] <= plausibility.RANGES[name][1], name


def test_magnus_at_round_numbers() -> None:
    # By hand: at 0 degC the exponent is 0; at 65.825 degC T / (234.175 + T) is 65.825 / 300.
    expected = [6.1078, 6.1078 * np.exp(17.08085 * 65.825 / 300.0)]
    np.testing.assert_allclose(
        jena.saturation_vapour_pressure(np.array([0.0, 65.825])),
        expected,
        rtol=1e-14,
    )


def test_dew_point_undoes_saturation() -> None:
    t = np.linspace(-30.0, 40.0, 71)
    np.testing.assert_allclose(
        jena.dew_point(jena.saturation_vapour_pressure(t)),
        t,
        atol=1e-12,
    )


def test_potential_temperature_at_the_reference_pressure_is_the_temperature() -> None:
    values = jena.potential_temperature(np.array([-10.0, 25.0]), np.array([1000.0, 1000.0]))
    np.testing.assert_allclose(values, [263.15, 298.15], rtol=1e-15)


def test_density_of_dry_air() -> None:
    # By hand: 100,000 Pa / (287.05 * 273.15) = 1.275385 kg/m**3.
    density = jena.air_density(np.array([0.0]), np.array([1000.0]), np.array([0.0]))
    np.testing.assert_allclose(density, [1275.385], atol=5e-4)


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("p (mbar)", "mbar"),
        ("rho (g/m**3)", "g/m**3"),
        ("max. PAR (µmol/m²/s)", "µmol/m²/s"),
        ("wind (mean) (m/s)", "m/s"),
        ("OT", ""),
        ("", ""),
        ("cut off (m/s", ""),
        (")odd(", ""),
    ],
)
def test_unit_of(column: str, unit: str) -> None:
    assert jena.unit_of(column) == unit


def test_units_of_all_columns() -> None:
    units = " ".join(jena.unit_of(name) for name in jena.JENA_COLUMNS)
    assert units == "mbar degC K degC % mbar mbar mbar g/kg mmol/mol g/m**3 m/s m/s deg"
