"""The columns of the Jena series, and the formulas that connect them.

The station measures p, T, rh and the wind; its logger computes the other eight columns. The
formulas (T in degC, p and vapour pressures in mbar) are those listed with the station's data, and
were checked against 52,696 recorded rows of 2020 and 4,000 of January 2009. From the recorded
inputs they give the recorded column within 0.01, which is what the rounding of the inputs allows;
a docstring says so where they do not. Each function takes float64 arrays of one shape and returns
an array of that shape.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

DATETIME_COLUMN = "Date Time"
DATETIME_FORMAT = "%d.%m.%Y %H:%M:%S"

# In the order of the original file's header.
JENA_COLUMNS = (
    "p (mbar)",
    "T (degC)",
    "Tpot (K)",
    "Tdew (degC)",
    "rh (%)",
    "VPmax (mbar)",
    "VPact (mbar)",
    "VPdef (mbar)",
    "sh (g/kg)",
    "H2OC (mmol/mol)",
    "rho (g/m**3)",
    "wv (m/s)",
    "max. wv (m/s)",
    "wd (deg)",
)

# The Magnus formula over water, which the station uses below freezing too. Of the common sets of
# coefficients, only this one fits the recorded VPmax (95 % of 2020 to the last digit, and never
# more than 0.01 mbar off); Sonntag 1990 (6.112, 17.62, 243.12) is up to 0.17 mbar off.
MAGNUS_MBAR = 6.1078
MAGNUS_FACTOR = 17.08085
MAGNUS_DEGC = 234.175

# The recorded Tpot and rho fit 273.16 K until 2020-05-05 13:20 and 273.15 K from then on.
ZERO_DEGC_IN_K = 273.15
REFERENCE_MBAR = 1000.0
POISSON_EXPONENT = 0.286  # gas constant / heat capacity of dry air
GAS_CONSTANT_DRY = 287.05  # J/(kg K)


def unit_of(column: str, units: dict[str, str] | None = None) -> str:
    """The unit of a column: from `units`, or else from its name's last parentheses, or else ""."""
    if units and column in units:
        return units[column]
    _, opened, tail = column.rpartition("(")
    unit, closed, _ = tail.partition(")")
    return unit if opened and closed else ""


def saturation_vapour_pressure(t: FloatArray) -> FloatArray:
    """VPmax (mbar) from T (degC): the Magnus formula over water."""
    return MAGNUS_MBAR * np.exp(MAGNUS_FACTOR * t / (MAGNUS_DEGC + t))


def vapour_pressure(vpmax: FloatArray, rh: FloatArray) -> FloatArray:
    """VPact (mbar) from VPmax (mbar) and rh (%)."""
    return vpmax * rh / 100.0


def vapour_pressure_deficit(vpmax: FloatArray, vpact: FloatArray) -> FloatArray:
    """VPdef (mbar) from VPmax and VPact (mbar)."""
    return vpmax - vpact


def dew_point(vpact: FloatArray) -> FloatArray:
    """Tdew (degC) from VPact (mbar, above 0): the Magnus formula inverted.

    Up to 0.03 off in 2020 and 0.07 in a frost, because the last digit of a small VPact counts that
    much. Computed from `T` and `rh`, without rounding VPact in between, it is within 0.01.
    """
    ratio = np.log(vpact / MAGNUS_MBAR)
    return MAGNUS_DEGC * ratio / (MAGNUS_FACTOR - ratio)


def specific_humidity(vpact: FloatArray, p: FloatArray) -> FloatArray:
    """Sh (g/kg of moist air) from VPact and p (mbar)."""
    return 622.0 * vpact / (p - 0.378 * vpact)


def water_concentration(vpact: FloatArray, p: FloatArray) -> FloatArray:
    """H2OC (mmol/mol) from VPact and p (mbar)."""
    return 1000.0 * vpact / p


def potential_temperature(t: FloatArray, p: FloatArray) -> FloatArray:
    """Tpot (K) from T (degC) and p (mbar): Poisson's equation; 0.02 off before May 2020."""
    return (t + ZERO_DEGC_IN_K) * (REFERENCE_MBAR / p) ** POISSON_EXPONENT


def air_density(t: FloatArray, p: FloatArray, sh: FloatArray) -> FloatArray:
    """Rho (g/m**3) from T (degC), p (mbar) and sh (g/kg): the gas law of moist air.

    Up to 0.12 off, one part in 10,000; with 287.058, 0.608 and 273.16 K it would be 0.04.
    """
    virtual = (t + ZERO_DEGC_IN_K) * (1.0 + 0.61 * sh / 1000.0)
    return 1e5 * p / (GAS_CONSTANT_DRY * virtual)
