"""What is plausible in a column: its range, and what other columns say it must be.

Cells that contradict either are reported in the data card and by `jena-etl inspect`; nothing is
changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jena_etl.ingest import jena
from jena_etl.ingest.jena import FloatArray

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


@dataclass(frozen=True, kw_only=True)
class Formula:
    """A column that can be computed from others.

    Attributes:
        column: the column that is computed.
        inputs: the columns that `compute` takes, in order.
        compute: one of the functions of `jena_etl.ingest.jena`.
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
        compute=jena.vapour_pressure,
        words="VPmax * rh / 100",
    ),
    Formula(
        column="VPdef (mbar)",
        inputs=("VPmax (mbar)", "VPact (mbar)"),
        compute=jena.vapour_pressure_deficit,
        words="VPmax - VPact",
    ),
    Formula(
        column="sh (g/kg)",
        inputs=("VPact (mbar)", "p (mbar)"),
        compute=jena.specific_humidity,
        words="622 * VPact / (p - 0.378 * VPact)",
    ),
    Formula(
        column="H2OC (mmol/mol)",
        inputs=("VPact (mbar)", "p (mbar)"),
        compute=jena.water_concentration,
        words="1000 * VPact / p",
    ),
    Formula(
        column="Tpot (K)",
        inputs=("T (degC)", "p (mbar)"),
        compute=jena.potential_temperature,
        words="(T + 273.15) * (1000 / p) ** 0.286",
        slack=4.5e-5,  # 0.01 K in 223 K and more, as it was 273.16 before May 2020
    ),
    Formula(
        column="rho (g/m**3)",
        inputs=("T (degC)", "p (mbar)", "sh (g/kg)"),
        compute=jena.air_density,
        words="1e5 * p / (287.05 * (T + 273.15) * (1 + 0.61 * sh / 1000))",
        slack=1e-4,  # as air_density says
    ),
)
