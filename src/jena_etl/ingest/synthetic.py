"""A made-up Jena series in the original download's format, to the letter.

The weather is made up; by its form, only the zip's comment tells the file from the original. Every
process below is an AR(1) in ten-minute steps, and row k depends on (seed, k) alone, so a longer
series begins with the shorter one. Time constants and spreads are set so that means, spreads and
day-to-day correlations come out near those that the station recorded from 2009 to 2016.
"""

import math
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

import numpy as np

from jena_etl.errors import DataError, ProjectError
from jena_etl.files import replacing
from jena_etl.ingest import jena
from jena_etl.ingest.jena import FloatArray

MEMBER = "jena_climate_2009_2016.csv"
FIRST_STAMP = datetime(2009, 1, 1, 0, 10)  # noqa: DTZ001 - the station's clock has no zone
STEP = timedelta(minutes=10)
STEPS_PER_DAY = 144
DAYS_PER_YEAR = 365.2425
MOST_ROWS = 100 * 52_560  # a hundred years; they take about 2.6 GB of memory
SPIN_UP = 20 * STEPS_PER_DAY  # rows dropped, so that no process starts from its zero

# What the weather forgets, in days. A day apart they correlate as the station does: 0.80
# there for pressure (here 0.83), 0.82 for T less its season (here 0.82).
DRIVE_DAYS = 0.7  # what pushes highs, clouds and air masses about
SYSTEM_DAYS = 2.0  # how long a high or an air mass outlives its push
WEST_DAYS = 1.0  # the rest of the west wind, of its own
MOISTURE_DAYS = 1.5  # rain and drying out
SHOWER_DAYS = 0.3  # a shower, a passing cloud
BREATH_DAYS = 0.2  # a spell of wind
ARRIVAL_DAYS = 1.0  # what the wind and a falling pressure announce arrives a day later

# Near the means and spreads of 2009-2016; the processes add their own shares.
P_MEAN, P_SPREAD = 989.2, 8.3  # mbar
T_MEAN, T_SEASON = 9.5, 9.7  # degC; T_SEASON is half of July minus January
T_AIR = 3.4  # degC, spread of the air masses; they differ more in winter
COLDEST_DAY = 15  # of the year
WARMEST_HOUR = 15

# Limits of what is written. At 100 % rh stands in fog; the others touch theirs next to never.
P_RANGE = (940.0, 1020.0)  # mbar
T_RANGE = (-25.0, 38.0)  # degC
RH_RANGE = (12.0, 100.0)  # %
WV_RANGE = (0.0, 25.0)  # m/s
MAX_WV_RANGE = (0.0, 40.0)  # m/s


def write_synthetic(path: Path, *, rows: int, seed: int, replace: bool = False) -> None:
    """Write a zip of made-up rows, one every ten minutes, to try the pipeline without a download.

    On one machine the same `rows` and `seed` give the same bytes; between machines NumPy's
    logarithm and zlib may differ a little.

    Args:
        path: The file to write.
        rows: How many rows; a year has 52,560.
        seed: Of the random draws.
        replace: Whether a file that is there already may be replaced.

    Raises:
        DataError: `rows` or `seed` is out of range.
        ProjectError: The file is there already, or cannot be written.
    """
    if not 1 <= rows <= MOST_ROWS:
        raise DataError(
            f"rows is {rows:,}, expected 1 to {MOST_ROWS:,}, a hundred years of ten-minute rows"
        )
    if seed < 0:
        raise DataError(f"seed is {seed}, expected 0 or more")
    if path.exists() and not replace:
        raise ProjectError(
            f"{path} exists already; name another file, or add --force to replace it"
        )
    csv = _csv(_columns(rows, seed))
    # What macOS's archiver leaves beside a file: an AppleDouble header, here without content.
    apple_double = bytes.fromhex("0005160700020000").ljust(120, b"\0")

    with replacing(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, data in ((MEMBER, csv), (f"__MACOSX/._{MEMBER}", apple_double)):
            info = zipfile.ZipInfo(name, date_time=(2017, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, on whatever system this runs
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=6)
        archive.comment = f"{jena.SYNTHETIC_COMMENT} rows={rows} seed={seed}".encode("ascii")


def _csv(columns: dict[str, FloatArray]) -> bytes:
    """Format the columns (rows,) as the original: quoted header, no newline at the end."""
    import polars as pl  # heavy, and only this function needs it

    names = (jena.DATETIME_COLUMN, *columns)
    rows = len(next(iter(columns.values())))
    last = FIRST_STAMP + (rows - 1) * STEP
    timestamps = pl.datetime_range(FIRST_STAMP, last, STEP, eager=True)
    body = (
        pl.DataFrame({jena.DATETIME_COLUMN: timestamps, **columns})
        .write_csv(include_header=False, float_precision=2, datetime_format=jena.DATETIME_FORMAT)
        .removesuffix("\n")
    )
    return (",".join(f'"{name}"' for name in names) + "\n" + body).encode("ascii")


def _columns(rows: int, seed: int) -> dict[str, FloatArray]:
    """Return the 14 columns (rows,) in the original's order, rounded to two decimals.

    The computed columns follow from the rounded ones they depend on, so that a reader who
    applies the formulas to the file finds its digits.
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
    both = measured | {name: _two_decimals(values) for name, values in computed.items()}
    return {name: both[name] for name in jena.JENA_COLUMNS}


def _two_decimals(values: FloatArray) -> FloatArray:
    """Round to two decimals; adding 0.0 turns -0.0, which would print as -0.00, into 0.0."""
    return np.rint(values * 100.0) / 100.0 + 0.0


def _ar1(drive: FloatArray, days: float) -> FloatArray:
    """Filter `drive` (n,) with x[k] = a x[k-1] + (1 - a) drive[k], a = exp(-step/days).

    `accumulate` walks the rows in C, exactly: 420,451 rows in about 50 ms.
    """
    keep = math.exp(-1.0 / (STEPS_PER_DAY * days))
    scaled: list[float] = (drive * (1.0 - keep)).tolist()
    return np.array(list(accumulate(scaled, lambda x, step: keep * x + step)))


def _noise(rows: int, seed: int) -> Iterator[FloatArray]:
    """Yield white noise (SPIN_UP + rows,), each from a stream of its own.

    One stream for all would make the second process start where the first ends, at a place
    that the row count moves.
    """
    root = np.random.default_rng(seed)
    while True:
        yield root.spawn(1)[0].standard_normal(SPIN_UP + rows)


def _ou(white: FloatArray, days: float) -> FloatArray:
    """Return an AR(1) of spread 1 that forgets in `days`."""
    keep = math.exp(-1.0 / (STEPS_PER_DAY * days))
    return _ar1(white, days) * math.sqrt((1.0 + keep) / (1.0 - keep))


def _smooth(drive: FloatArray) -> FloatArray:
    """Filter an AR(1) of DRIVE_DAYS once more, to spread 1: no jitter, and trends that last."""
    return _ar1(drive, SYSTEM_DAYS) * math.sqrt((SYSTEM_DAYS + DRIVE_DAYS) / DRIVE_DAYS)


def _later(values: FloatArray, days: float) -> FloatArray:
    """Return the same some days later; the first rows, which SPIN_UP drops, repeat the first."""
    shift = round(days * STEPS_PER_DAY)
    return np.concatenate([np.full(shift, values[0]), values[:-shift]])


def _weather(rows: int, seed: int) -> dict[str, FloatArray]:
    """Return what the station measures, (rows,) each: p, T, rh, wv, max. wv, wd."""
    noise = _noise(rows, seed)
    days = (np.arange(rows + SPIN_UP) - SPIN_UP + 1) / STEPS_PER_DAY
    summer = -np.cos(2 * np.pi * (days - COLDEST_DAY) / DAYS_PER_YEAR)  # -1 winter, 1 summer
    clock = 2 * np.pi * (days - WARMEST_HOUR / 24)
    sun = np.cos(clock - 0.28 * (1 - np.cos(clock)))  # the bend puts the coldest hour at 5 h

    # Highs and lows pass in about four days; west wind comes with lows.
    high = _smooth(_ou(next(noise), DRIVE_DAYS))
    west = 0.4 - 0.5 * high + 0.8 * _ou(next(noise), WEST_DAYS)
    south = _ou(next(noise), DRIVE_DAYS)
    clear = np.tanh(0.6 * high + 0.8 * _ou(next(noise), DRIVE_DAYS))

    # South wind and a low announce warm air a day ahead, north wind and a high cold air. Summer
    # highs warm it on the spot and winter highs cool it. That is what a model can learn: the real
    # station's weather is harder to see coming.
    announced = 0.5 * south - 1.0 * high
    push = _later(announced, ARRIVAL_DAYS) + 0.25 * high * summer
    push += 0.2 * _ou(next(noise), DRIVE_DAYS)
    air = T_AIR * (1.0 - 0.2 * summer) * _smooth(push)
    slow = T_MEAN + T_SEASON * summer + air
    swing = (2.5 + 1.6 * summer) * (1.0 + 0.6 * clear)  # half of the day's range
    t = slow + swing * sun + 1.1 * _ou(next(noise), SHOWER_DAYS)

    # The dew point follows the air mass, not the hour; rh is what the hour makes of it.
    damp = _ou(next(noise), MOISTURE_DAYS)
    depression = 4.2 + 2.0 * summer + 0.12 * air + 1.9 * clear - 1.9 * damp
    dew = np.minimum(slow - depression, t)
    vapour = jena.saturation_vapour_pressure(dew)
    rh = 100.0 * vapour / jena.saturation_vapour_pressure(t) + 0.5 * next(noise)

    # Wind from south-west prevails, between the valley's slopes.
    flow_south = 0.7 + south
    afternoon = 1.0 + (0.25 + 0.1 * summer) * sun
    breath = np.exp(0.4 * _ou(next(noise), BREATH_DAYS) + 0.15 * next(noise))
    wv = 1.58 * np.hypot(west, flow_south) ** 0.7 * afternoon * breath
    gust = 1.0 + 0.5 * np.exp(0.35 * next(noise))
    wd = np.degrees(np.arctan2(-west, -flow_south)) + 12.0 * next(noise)

    values = {
        "p (mbar)": np.clip(P_MEAN + P_SPREAD * high + 0.03 * next(noise), *P_RANGE),
        "T (degC)": np.clip(t, *T_RANGE),
        "rh (%)": np.clip(rh, *RH_RANGE),
        "wv (m/s)": np.clip(wv, *WV_RANGE),
        "max. wv (m/s)": np.clip(wv * gust, *MAX_WV_RANGE),
        "wd (deg)": wd % 360.0,
    }
    return {name: column[SPIN_UP:] for name, column in values.items()}
