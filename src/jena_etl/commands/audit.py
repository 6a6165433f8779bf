"""What `jena-etl audit` does: changes measurements and looks at what changes with them.

The stages between convert and train, as dvc.yaml has them, are run on copies of the series in which
all rows from some row on have been replaced. What must not depend on these rows has to come out in
the same bytes. Where there are several stations, each of them is tried by itself. Nothing in the
project is written.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from pydantic import Field

from jena_etl.commands.audit_copies import Copies, preparing_stages, to_pool_with
from jena_etl.evaluation.baselines import fitted_baselines
from jena_etl.evaluation.predictions import CLIMATOLOGY, SCORED
from jena_etl.params import Params
from jena_etl.prepare.outputs import Splits, StationList
from jena_etl.project import Project
from jena_etl.stage_output import Part
from jena_etl.station_project import OneStation
from jena_etl.windows.split_windows import SeriesWindows

Train = Callable[[Project, Params, str], list[np.ndarray]]
CUTS = 3  # rows at which later ones are replaced, spread over the validation and test rows
SMALLEST = "dense"  # the architecture that trains fastest


class Check(Part):
    """One thing that was tried.

    Attributes:
        ok: whether nothing leaked.
        text: what was compared, and what was found.
        note: whether the text says something that is worth knowing although nothing leaked.
        station: the station that was looked at; left out if there is only one.
    """

    ok: bool
    text: str
    note: bool = Field(default=False, exclude_if=lambda note: not note)
    station: str = Field(default="", exclude_if=lambda name: not name)

    def __str__(self) -> str:
        """The check as a line."""
        mark = "note" if self.note else "ok" if self.ok else "LEAK"
        station = f"{self.station}: " if self.station else ""
        return f"{mark:<6}{station}{self.text}"


def audit(project: Project, params: Params, *, train: Train | None = None) -> Iterator[Check]:
    """Check that no forecast and no fit depends on a row that it must not know; yield as it goes.

    `train` returns the weights of an architecture after an epoch; None trains nothing. If there are
    several stations, it is called for the first one alone.

    Raises:
        JenaEtlError: the series is not built, or a stage refuses it.
    """
    stages = preparing_stages(project)
    stations = project.stations
    splits: dict[str, Splits] = {}
    for name in stations.names or ("",):
        one = project.station(name) if name else OneStation(project.root)
        with one.about(), tempfile.TemporaryDirectory() as folder:
            pool = to_pool_with(project, params, name)
            copies = Copies(one, params, stages, Path(folder), name=name, pool=pool)
            original = copies.make("original")
            splits[name] = original.splits
            is_trained = train if name not in stations.further else None
            for check in _checks(copies, original, params, is_trained):
                yield check.model_copy(update={"station": name})
    if stations.names:
        yield from _times(stations, splits)
    for text in stations.left_out_texts:
        yield Check(ok=True, text=text, note=True)


def _checks(
    copies: Copies, original: Project, params: Params, train: Train | None
) -> Iterator[Check]:
    """All that is tried on a station."""
    train_rows = original.splits.splits.train.rows
    changed = copies.make("after-train", first=train_rows.stop)
    yield from _fitted(original, changed)
    rows = original.splits.rows
    for number in range(1, CUTS + 1):
        first = train_rows.stop + (rows - train_rows.stop) * number // (CUTS + 1)
        later = copies.make(f"after-{first}", first=first, sign=(-1) ** number)
        yield from _inputs(original, later, first)
    if train is not None:
        yield _weights(copies, original, params, train)


def _times(stations: StationList, splits: Mapping[str, Splits]) -> Iterator[Check]:
    """Whether models learn at one station from a time at which they are scored at another.

    Neighbouring stations have much the same weather, so that makes scores too good.
    """
    for name in stations.names:
        begins = splits[name].splits.validation.first
        ends = {other: splits[other].splits.train.last for other in stations.seen if other != name}
        latest = max(ends, key=lambda other: np.datetime64(ends[other]), default="")
        if latest and np.datetime64(ends[latest]) >= np.datetime64(begins):
            text = (
                f"its validation begins at {begins}, but models learn from rows of {latest} up to "
                f"{ends[latest]}; split.dates in params.yaml cuts all stations at the same dates"
            )
            yield Check(ok=True, text=text, note=True, station=name)
        else:
            text = f"models learn from no other station's rows once its validation begins, {begins}"
            yield Check(ok=True, text=text, station=name)


def _fitted(original: Project, changed: Project) -> Iterator[Check]:
    """What is fitted to the train rows, and their windows, when all other rows are replaced."""
    rows = original.splits.rows - original.splits.splits.train.rows.stop
    after = f"after the {rows:,} rows that follow the train rows were replaced"
    now = changed.statistics.columns
    differ = [
        name for name, column in original.statistics.columns.items() if now.get(name) != column
    ]
    found = f"differ in {', '.join(differ)}"
    yield _check(not differ, "statistics of the train rows", after, found)
    yield _climatology(original, changed, after)
    windows = original.series_windows("train"), changed.series_windows("train")
    yield _same_inputs(original, windows, len(windows[0]), name="train", when=after)


def _climatology(original: Project, changed: Project, after: str) -> Check:
    """The forecasts of the climatology, which reads nothing but the train rows and the clock."""
    before, now = (
        fitted_baselines(
            {split: project.series_windows(split) for split in SCORED},
            project.timestamps,
            project.splits.splits.train.rows,
        )[CLIMATOLOGY]
        for project in (original, changed)
    )
    differ = [split for split in SCORED if not np.array_equal(before[split], now[split])]
    return _check(not differ, "climatology", after, f"differs in {', '.join(differ)}")


def _inputs(original: Project, later: Project, first: int) -> Iterator[Check]:
    """The inputs of all scored forecasts that were issued before row `first`."""
    timestamp = str(original.timestamps[first - 1])
    for split in SCORED:
        before = original.series_windows(split)
        if count := int(np.searchsorted(before.issued_rows(), first)):
            yield _same_inputs(
                original,
                (before, later.series_windows(split)),
                count,
                name=f"{split}, issued up to {timestamp}",
                when="after all later rows were replaced",
            )


def _same_inputs(
    project: Project,
    windows: tuple[SeriesWindows, SeriesWindows],
    count: int,
    *,
    name: str,
    when: str,
) -> Check:
    """Whether the first `count` windows of a split read the same bytes before and after."""
    before, after = windows
    what = f"inputs of {count:,} forecasts ({name})"
    if len(after) < count or (before.issued_rows()[:count] != after.issued_rows()[:count]).any():
        return _check(False, what, when, "other windows belong to the split")
    done, differ, features = 0, [], np.zeros(before.feature_count, dtype=bool)
    for (one, _), (other, _) in zip(before.batches(), after.batches(), strict=False):
        if one.shape[1:] != other.shape[1:]:
            return _check(False, what, when, "they have another shape")
        part = slice(max(0, min(len(one), count - done)))
        is_other = one[part].view(np.int32) != other[part].view(np.int32)
        features |= is_other.any(axis=(0, 1))
        differ += (done + np.flatnonzero(is_other.any(axis=(1, 2)))).tolist()
        done += len(one)
        if done >= count:
            break
    if not differ:
        return _check(True, what, when, "")
    issued = project.timestamps[before.issued_rows()[differ[0]]]
    names = project.arrays.columns
    columns = [names[at] for at in np.flatnonzero(features)]
    found = f"differ in {len(differ):,}, the first issued at {issued}, in {', '.join(columns)}"
    return _check(False, what, when, found)


def _weights(copies: Copies, original: Project, params: Params, train: Train) -> Check:
    """The weights after an epoch, whatever rows the train windows do not read."""
    name = SMALLEST if SMALLEST in params.models else params.architectures[0]
    windows = original.series_windows("train")
    train_stop = original.splits.splits.train.rows.stop
    first = max(train_stop, int(windows.target_rows()[-1]) + 1)
    changed = copies.make("after-targets", first=first)
    weights = [train(copy, params, name) for copy in (original, changed)]
    differ = [
        at for at, (one, other) in enumerate(zip(*weights, strict=True)) if (one != other).any()
    ]
    what = f"weights of {name} after an epoch"
    when = f"after the {original.splits.rows - first:,} rows that follow the last train target"
    if first > train_stop:
        when += (
            f", which under policy {original.splits.policy} lies {first - train_stop:,} rows "
            "after the train rows,"
        )
    return _check(
        not differ, what, f"{when} were replaced", f"{len(differ)} of {len(weights[0])} differ"
    )


def _check(ok: bool, what: str, when: str, found: str) -> Check:  # noqa: FBT001
    return Check(ok=ok, text=f"{what}: {'the same' if ok else found} {when}")


def train_epoch(project: Project, params: Params, name: str) -> list[np.ndarray]:
    """Train an architecture for one epoch, as the train stage does, and return its weights."""
    import keras

    from jena_etl.models import configure
    from jena_etl.training.device import use_device
    from jena_etl.training.fit import seeded_model, train
    from jena_etl.training.metadata import forecast_task

    architecture, batch_size = configure(name, params.models.get(name)), params.train.batch_size
    windows = {split: project.series_windows(split) for split in ("train", "validation")}
    use_device("cpu", deterministic=True)
    task = forecast_task(project.arrays, project.statistics, windows["train"].spec)
    model = seeded_model(architecture, windows["train"], task, seed=params.seed)
    with contextlib.redirect_stdout(io.StringIO()):
        train(
            model,
            lambda epoch: windows["train"].for_model(
                batch_size, shuffle=True, seed=params.seed, epoch=epoch, order=architecture.order
            ),
            windows["validation"].for_model(batch_size, order=architecture.order),
            epochs=1,
        )
    return [keras.ops.convert_to_numpy(weight).copy() for weight in model.weights]
