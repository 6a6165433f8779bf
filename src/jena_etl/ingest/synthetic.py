"""A synthetic Jena series in exactly the format of the original download.

Only the weather is made up, and the zip's comment says so. Every process below is a first-order
autoregression, AR(1), in ten-minute steps. Row k depends only on (seed, k), so a longer series
begins with the shorter one. Time constants and standard deviations are chosen so that means,
spreads and day-to-day correlations come close to what the station recorded from 2009 to 2016.
"""

import math
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

import numpy as np
import polars as pl

from jena_etl.errors import DataError, ProjectError
from jena_etl.files import replacing
from jena_etl.ingest import jena
from jena_etl.ingest.archives import SYNTHETIC_COMMENT
from jena_etl.ingest.jena import FloatArray

MEMBER = "jena_climate_2009_2016.csv"
FIRST_TIMESTAMP = datetime(2009, 1, 1, 0, 10)  # noqa: DTZ001 - the station's clock has no time zone
STEP = timedelta(minutes=10)
STEPS_PER_DAY = 144
DAYS_PER_YEAR = 365.2425
MAX_ROWS = 100 * 52_560  # a hundred years; they take about 2.6 GB of memory
SPIN_UP = 20 * STEPS_PER_DAY  # rows dropped at the start, because every process starts from zero

# Time constants, in days: how long each process remembers. From one day to the next, the series
# correlates about as at the station: pressure 0.83 (recorded 0.80), T without its season 0.82
# (recorded 0.82).
DRIVE_DAYS = 0.7  # what moves highs, clouds and air masses
SYSTEM_DAYS = 2.0  # how long a high or an air mass outlives what moved it
WEST_DAYS = 1.0  # the part of the west wind that does not come from lows
MOISTURE_DAYS = 1.5  # rain and drying
SHOWER_DAYS = 0.3  # a shower or a passing cloud
BREATH_DAYS = 0.2  # a spell of wind
ARRIVAL_DAYS = 1.0  # how long wind and pressure announce a change of air before it arrives

# Close to the means and standard deviations of 2009-2016; the processes add to them.
P_MEAN, P_SPREAD = 989.2, 8.3  # mbar
T_MEAN, T_SEASON = 9.5, 9.7  # degC; T_SEASON is half the difference between July and January
T_AIR = 3.4  # degC, the spread of the air masses, which differ more in winter
COLDEST_DAY = 15  # of the year
WARMEST_HOUR = 15


def write_synthetic(path: Path, *, rows: int, seed: int, replace: bool = False) -> None:
    """Write a zip of made-up rows, to try the pipeline without a download.

    There is a row every ten minutes, so a year has 52,560. On one machine, the same `rows` and
    `seed` give the same bytes; from machine to machine NumPy's logarithm and zlib may differ
    slightly.

    Raises:
        DataError: `rows` or `seed` is out of range.
        ProjectError: the file cannot be written, or exists already and `replace` is False.
    """
    if not 1 <= rows <= MAX_ROWS:
        raise DataError(
            f"rows is {rows:,}, expected 1 to {MAX_ROWS:,}, a hundred years of ten-minute rows"
        )
    if seed < 0:
        raise DataError(f"seed is {seed}, expected 0 or more")
    if path.exists() and not replace:
        raise ProjectError(
            f"{path} exists already; name another file, or add --force to replace it"
        )
    csv = _csv(_columns(rows, seed))
    # The original holds what macOS' archiver adds to every file: an AppleDouble header, here empty.
    apple_double = bytes.fromhex("0005160700020000").ljust(120, b"\0")

    with replacing(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, data in ((MEMBER, csv), (f"__MACOSX/._{MEMBER}", apple_double)):
            info = zipfile.ZipInfo(name, date_time=(2017, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, whatever system this runs on
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=6)
        archive.comment = f"{SYNTHETIC_COMMENT} rows={rows} seed={seed}".encode("ascii")


def _csv(columns: dict[str, FloatArray]) -> bytes:
    """Format the columns (rows,) as in the original: a quoted header, no newline at the end."""
    frame = pl.DataFrame(columns)
    last = FIRST_TIMESTAMP + (frame.height - 1) * STEP
    timestamps = pl.datetime_range(FIRST_TIMESTAMP, last, STEP, eager=True)
    frame.insert_column(0, timestamps.alias(jena.DATETIME_COLUMN))
    header = ",".join(f'"{name}"' for name in frame.columns)
    body = frame.write_csv(
        include_header=False, float_precision=2, datetime_format=jena.DATETIME_FORMAT
    )
    return f"{header}\n{body}".removesuffix("\n").encode("ascii")


def _columns(rows: int, seed: int) -> dict[str, FloatArray]:
    """The 14 columns (rows,) in the original's order, rounded to two decimals.

    The computed columns are computed from rounded ones, so that the formulas applied to the file
    give exactly the values in the file.
    """
    measured = {name: _two_decimals(values) for name, values in _weather(rows, seed).items()}
    p, t, rh = measured["p (mbar)"], measured["T (degC)"], measured["rh (%)"]
    vpmax = _two_decimals(jena.saturation_vapour_pressure(t))
    vpact = _two_decimals(jena.vapour_pressure(vpmax, rh))
    sh = _two_decimals(jena.specific_humidity(vpact, p))
    computed = {
        "Tpot (K)": jena.potential_temperature(t, p),
        "Tdew (degC)": jena.dew_point(vpact),
        "VPmax (mbar)": vpmax,
        "VPact (mbar)": vpact,
        "VPdef (mbar)": jena.vapour_pressure_deficit(vpmax, vpact),
        "sh (g/kg)": sh,
        "H2OC (mmol/mol)": jena.water_concentration(vpact, p),
        "rho (g/m**3)": jena.air_density(t, p, sh),
    }
    columns = measured | {name: _two_decimals(values) for name, values in computed.items()}
    return {name: columns[name] for name in jena.JENA_COLUMNS}


def _two_decimals(values: FloatArray) -> FloatArray:
    """Round to two decimals. Adding 0.0 turns -0.0, which would be written as -0.00, into 0.0."""
    return np.round(values, 2) + 0.0


def _ar1(drive: FloatArray, days: float) -> FloatArray:
    """Filter `drive` (n,) with x[k] = a x[k-1] + (1 - a) drive[k], where a = exp(-step/days).

    `accumulate` runs the loop in C: 420,451 rows take about 50 ms.
    """
    keep = math.exp(-1.0 / (STEPS_PER_DAY * days))
    scaled: list[float] = (drive * (1.0 - keep)).tolist()
    return np.array(list(accumulate(scaled, lambda x, step: keep * x + step)))


def _noise(rows: int, seed: int) -> Iterator[FloatArray]:
    """Yield arrays of white noise, (SPIN_UP + rows,), each from a random stream of its own.

    With a single stream, the noise of the second process would depend on how many rows the first
    has used.
    """
    root = np.random.default_rng(seed)
    while True:
        yield root.spawn(1)[0].standard_normal(SPIN_UP + rows)


def _standard_ar1(white: FloatArray, days: float) -> FloatArray:
    """An AR(1) of standard deviation 1 and time constant `days`, from white noise."""
    keep = math.exp(-1.0 / (STEPS_PER_DAY * days))
    return _ar1(white, days) * math.sqrt((1.0 + keep) / (1.0 - keep))


def _smooth(drive: FloatArray) -> FloatArray:
    """Filter an AR(1) of DRIVE_DAYS again, to standard deviation 1: lasting trends, no jitter."""
    return _ar1(drive, SYSTEM_DAYS) * math.sqrt((SYSTEM_DAYS + DRIVE_DAYS) / DRIVE_DAYS)


def _delayed(values: FloatArray, days: float) -> FloatArray:
    """The values, delayed by some days; until then the first value, in rows that SPIN_UP drops."""
    shift = round(days * STEPS_PER_DAY)
    return np.concatenate([np.full(shift, values[0]), values[:-shift]])


def _weather(rows: int, seed: int) -> dict[str, FloatArray]:
    """What the station measures: p, T, rh, wv, max. wv and wd, each (rows,)."""
    noise = _noise(rows, seed)
    days = (np.arange(rows + SPIN_UP) - SPIN_UP + 1) / STEPS_PER_DAY
    summer = -np.cos(2 * np.pi * (days - COLDEST_DAY) / DAYS_PER_YEAR)  # -1 winter, 1 summer
    clock = 2 * np.pi * (days - WARMEST_HOUR / 24)
    sun = np.cos(clock - 0.28 * (1 - np.cos(clock)))  # the bend makes 5 h the coldest hour

    # Highs and lows pass in about four days, and lows bring west wind.
    high = _smooth(_standard_ar1(next(noise), DRIVE_DAYS))
    west = 0.4 - 0.5 * high + 0.8 * _standard_ar1(next(noise), WEST_DAYS)
    south = _standard_ar1(next(noise), DRIVE_DAYS)
    clear = np.tanh(0.6 * high + 0.8 * _standard_ar1(next(noise), DRIVE_DAYS))

    # South wind and a low bring warm air a day later, north wind and a high cold air. A high also
    # warms the air at once in summer, and cools it in winter. This is what a model can learn; the
    # real station's weather is harder to forecast.
    announced = 0.5 * south - 1.0 * high
    push = _delayed(announced, ARRIVAL_DAYS) + 0.25 * high * summer
    push += 0.2 * _standard_ar1(next(noise), DRIVE_DAYS)
    air = T_AIR * (1.0 - 0.2 * summer) * _smooth(push)
    slow = T_MEAN + T_SEASON * summer + air
    swing = (2.5 + 1.6 * summer) * (1.0 + 0.6 * clear)  # half of the daily range
    t = slow + swing * sun + 1.1 * _standard_ar1(next(noise), SHOWER_DAYS)

    # The dew point follows the air mass, not the time of day; rh then follows from both.
    damp = _standard_ar1(next(noise), MOISTURE_DAYS)
    depression = 4.2 + 2.0 * summer + 0.12 * air + 1.9 * clear - 1.9 * damp
    dew = np.minimum(slow - depression, t)
    vapour = jena.saturation_vapour_pressure(dew)
    rh = 100.0 * vapour / jena.saturation_vapour_pressure(t) + 0.5 * next(noise)

    # The prevailing wind is from the south-west, along the valley.
    flow_south = 0.7 + south
    afternoon = 1.0 + (0.25 + 0.1 * summer) * sun
    breath = np.exp(0.4 * _standard_ar1(next(noise), BREATH_DAYS) + 0.15 * next(noise))
    wv = 1.58 * np.hypot(west, flow_south) ** 0.7 * afternoon * breath
    gust = 1.0 + 0.5 * np.exp(0.35 * next(noise))
    wd = np.degrees(np.arctan2(-west, -flow_south)) + 12.0 * next(noise)

    # Clipped to what hardly ever occurs, except for rh, which is 100 % in fog.
    values = {
        "p (mbar)": np.clip(P_MEAN + P_SPREAD * high + 0.03 * next(noise), 940.0, 1020.0),
        "T (degC)": np.clip(t, -25.0, 38.0),
        "rh (%)": np.clip(rh, 12.0, 100.0),
        "wv (m/s)": np.clip(wv, 0.0, 25.0),
        "max. wv (m/s)": np.clip(wv * gust, 0.0, 40.0),
        "wd (deg)": wd % 360.0,
    }
    return {name: column[SPIN_UP:] for name, column in values.items()}
