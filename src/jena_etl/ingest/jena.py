"""The columns of the Jena series, and the formulas that connect them.

The station measures p, T, rh and the wind; its logger computes the other eight columns. The
formulas (T in degC, p and vapour pressures in mbar) are those listed with the station's data, and
were checked against 52,696 recorded rows of 2020 and 4,000 of January 2009. From the recorded
inputs they give the recorded column within 0.01, which is what the rounding of the inputs allows;
a docstring says so where they do not. Each function takes float64 arrays of one shape and returns
an array of that shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

DATETIME_COLUMN = "Date Time"
DATETIME_FORMAT = "%d.%m.%Y %H:%M:%S"

# The comment of a zip written by `jena-etl synth` begins with this. Wherever figures from such a
# file are shown, they are labelled synthetic.
SYNTHETIC_COMMENT = "synthetic data: jena-etl synth"

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

# The lowest and highest plausible values. "WMO" is the range that a station must be able to
# measure: WMO-No. 8, Guide to Instruments and Methods of Observation, volume I, annex 1.A.
RANGES = {
    "p (mbar)": (500.0, 1080.0),  # WMO
    "T (degC)": (-80.0, 60.0),  # WMO
    "Tpot (K)": (185.0, 410.0),  # what the formula gives for those two
    "Tdew (degC)": (-80.0, 35.0),  # WMO
    "rh (%)": (0.0, 100.0),  # by definition; the logger caps it
    "VPmax (mbar)": (0.0, 200.0),  # 199 at 60 degC
    "VPact (mbar)": (0.0, 57.0),  # 56 at a dew point of 35 degC
    "VPdef (mbar)": (0.0, 200.0),  # never more than VPmax
    "sh (g/kg)": (0.0, 74.0),  # of VPact 57 at 500 mbar
    "H2OC (mmol/mol)": (0.0, 114.0),  # of VPact 57 at 500 mbar
    "rho (g/m**3)": (500.0, 1960.0),  # 500 mbar at 60 degC with vapour; 1080 mbar at -80 degC
    "wv (m/s)": (0.0, 75.0),  # WMO
    "max. wv (m/s)": (0.0, 150.0),  # WMO, of gusts
    "wd (deg)": (0.0, 360.0),  # by definition
}


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


@dataclass(frozen=True, kw_only=True)
class Formula:
    """A column that can be computed from others.

    Attributes:
        column: the column that is computed.
        inputs: the columns that `compute` takes, in order.
        compute: one of the functions above.
        words: the formula as the data card shows it.
        slack: the share of the value by which the station's constants may move it from ours.
    """

    column: str
    inputs: tuple[str, ...]
    compute: Callable[..., FloatArray]
    words: str
    slack: float = 0.0

    def excess(self, recorded: FloatArray, inputs: list[FloatArray]) -> FloatArray:
        """How much further `recorded` is from the formula than rounding explains; 0 or less if not.

        Each input may be off by half its last digit, and the effects on the result add up.
        """
        computed = self.compute(*inputs)
        allowed = HALF_DIGIT + self.slack * np.abs(computed) + ROUND_OFF
        for place, name in enumerate(self.inputs):
            moved = inputs[place] + HALF_DIGITS.get(name, HALF_DIGIT)
            allowed = allowed + np.abs(
                self.compute(*inputs[:place], moved, *inputs[place + 1 :]) - computed
            )
        excess: FloatArray = np.abs(recorded - computed) - allowed
        return excess


HALF_DIGIT = 0.005  # of a column with two decimals
HALF_DIGITS = {"rh (%)": 0.05}  # the sensor gives one decimal
ROUND_OFF = 1e-6  # of the floating-point arithmetic, in any column's unit

# None of 52,696 rows of 2020 and 70,038 hourly rows of 2009-2016 has an excess. Tdew and VPmax are
# left out: in a frost, rounding VPact does not explain Tdew, and the station's own formula for
# VPmax is not known.
FORMULAS = (
    Formula(
        column="VPact (mbar)",
        inputs=("VPmax (mbar)", "rh (%)"),
        compute=vapour_pressure,
        words="VPmax * rh / 100",
    ),
    Formula(
        column="VPdef (mbar)",
        inputs=("VPmax (mbar)", "VPact (mbar)"),
        compute=vapour_pressure_deficit,
        words="VPmax - VPact",
    ),
    Formula(
        column="sh (g/kg)",
        inputs=("VPact (mbar)", "p (mbar)"),
        compute=specific_humidity,
        words="622 * VPact / (p - 0.378 * VPact)",
    ),
    Formula(
        column="H2OC (mmol/mol)",
        inputs=("VPact (mbar)", "p (mbar)"),
        compute=water_concentration,
        words="1000 * VPact / p",
    ),
    Formula(
        column="Tpot (K)",
        inputs=("T (degC)", "p (mbar)"),
        compute=potential_temperature,
        words="(T + 273.15) * (1000 / p) ** 0.286",
        slack=4.5e-5,  # 0.01 K in 223 K and more, as it was 273.16 before May 2020
    ),
    Formula(
        column="rho (g/m**3)",
        inputs=("T (degC)", "p (mbar)", "sh (g/kg)"),
        compute=air_density,
        words="1e5 * p / (287.05 * (T + 273.15) * (1 + 0.61 * sh / 1000))",
        slack=1e-4,  # as air_density says
    ),
)
