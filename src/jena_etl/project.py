"""A project folder as Python reads it: what its stages have built so far."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jena_etl.errors import ProjectError, WindowError
from jena_etl.files import not_built
from jena_etl.ingest.source import Source
from jena_etl.prepare.outputs import ArraysRecord, Splits, StationList, Statistics, check_arrays
from jena_etl.project_paths import ProjectPaths
from jena_etl.signatures import takes_arguments_of
from jena_etl.text import nearest

if TYPE_CHECKING:
    from jena_etl.evaluation.prediction_intervals import PredictionIntervals
    from jena_etl.fold_project import FoldProject
    from jena_etl.forecasting.forecaster import Forecaster
    from jena_etl.horizon_project import HorizonProject
    from jena_etl.prepare.data_card import DataCard
    from jena_etl.station_project import OneStation
    from jena_etl.windows.batches import WindowBatches
    from jena_etl.windows.split_windows import SeriesWindows, SplitWindows

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/@]+@[^/:]+:")  # git@example.org:a.git is one, too

# Modules that shape results are imported inside the methods: a stage must not depend on those whose
# results it never reads.


@dataclass(frozen=True)
class Project(ProjectPaths):
    """A project folder: its paths, and what its stages have built so far."""

    def fold(self, origin: str) -> FoldProject:
        """What was prepared for the fold of the rolling origin that begins to score at `origin`."""
        from jena_etl.fold_project import FoldProject

        return FoldProject(self.root, origin)

    def further_horizon(self, horizon: int) -> HorizonProject:
        """The same project with windows whose target lies `horizon` steps after the last input."""
        from jena_etl.horizon_project import HorizonProject

        return HorizonProject(self.root, horizon)

    @cached_property
    def stations(self) -> StationList:
        """The project's stations; it has one if the file that lists them is not there."""
        return StationList.listed(self.stations_json)

    def station(self, name: str) -> OneStation:
        """What was converted and prepared of a station; its windows are those of that station.

        Raises:
            ProjectError: there is no such station.
        """
        from jena_etl.station_project import OneStation, StationProject

        names = self.stations.names
        if name in self.stations.left_out:
            lacking = ", ".join(self.stations.left_out[name])
            raise ProjectError(
                f"station {name} is left out, as its files lack {lacking}, and params.yaml says "
                "stations.on_lacking_column: leave_out"
            )
        if name not in names:
            found = f"the project has {', '.join(names)}" if names else "it has a single station"
            raise ProjectError(f"there is no station {name!r}: {found}")
        if name == self.stations.first:
            return OneStation(self.root, whole=self)
        return StationProject(self.root, name, whole=self)

    def each_station(self) -> Iterator[tuple[int | None, Project]]:
        """Every station with its number, read as a project of its own, one after the other.

        A project with one station yields itself, without a number.
        """
        if not self.stations.names:
            yield None, self
        for number, name in enumerate(self.stations.names):
            yield number, self.station(name)

    def about(self) -> AbstractContextManager[None]:
        """Add to what goes wrong which part of the project it is about; to the whole, nothing."""
        return nullcontext()

    def trained_model_file(self, name: str) -> Path:
        """The file of an architecture's model, or of an ensemble that is on the leaderboard."""
        return self.ensemble_file(name) if name in self.ensembles else self.model_file(name)

    @cached_property
    def ensembles(self) -> list[str]:
        """The names of the ensembles on the leaderboard; none if there is no leaderboard."""
        from jena_etl.evaluation.leaderboard import read_leaderboard

        if not self.leaderboard_csv.is_file():
            return []
        rows = read_leaderboard(self.leaderboard_csv)
        return [row["architecture"] for row in rows if row["kind"] == "ensemble"]

    def source_files(self) -> list[Path]:
        """The downloaded files, in the order of download.url.

        Raises:
            ProjectError: nothing has been downloaded.
        """
        from jena_etl.ingest.downloaded import read_record

        if not (names := read_record(self.downloads)):
            raise not_built(self.downloads, "download")
        return [self.downloads / name for name in names]

    @cached_property
    def source(self) -> Source:
        """What convert read, and from which files."""
        return Source.read(self.source_json)

    @cached_property
    def statistics(self) -> Statistics:
        """Mean and standard deviation of each column, over the train rows."""
        return Statistics.read(self.statistics_json)

    @cached_property
    def splits(self) -> Splits:
        """The rows, dates and windows of each split, with the window and the policy behind them."""
        return Splits.read(self.splits_json)

    @cached_property
    def arrays(self) -> ArraysRecord:
        """What the arrays were made from."""
        return ArraysRecord.read(self.arrays_json)

    @cached_property
    def data_card(self) -> DataCard:
        """What the station's files hold, and what is wrong with them."""
        from jena_etl.prepare.data_card import DataCard

        return DataCard.read(self.data_card_json)

    @property
    def is_synthetic(self) -> bool:
        """Whether `jena-etl synth` made a file of any station."""
        return any(one.data_card.source.synthetic for _, one in self.each_station())

    @cached_property
    def prediction_intervals(self) -> PredictionIntervals:
        """How far off each model and baseline was on the validation split."""
        from jena_etl.evaluation.prediction_intervals import PredictionIntervals

        return PredictionIntervals.read(self.prediction_intervals_json)

    @property
    def timestamps(self) -> np.ndarray:
        """The timestamps of all rows, datetime64[s] of shape (rows,), memory-mapped.

        Raises:
            ProjectError: for the same reasons as `windows`.
        """
        with self.about():
            return self._array(self.timestamps_npy, (self._checked_splits().rows,), "datetime64[s]")

    def windows(self, split: str, stations: Sequence[str] | None = None) -> SplitWindows:
        """The windows of train, validation or test, read from memory-mapped arrays.

        Args:
            split: its name.
            stations: which stations to read together, in this order; by default all that models
                learn from. A project with one station has no names for it.

        Raises:
            WindowError: there is no such split, or `stations` is empty, names a station twice or is
                not a list.
            ProjectError: there is no such station; a file is missing, damaged, or was not made from
                the same data and params as the others; the stations do not fit together; or the
                pipeline has run since this project was opened.
        """
        from jena_etl.windows.split_windows import PooledWindows

        if stations is None and not self.stations.names:
            return self.series_windows(split)
        names = self.stations.seen if stations is None else stations
        if isinstance(names, str):
            raise WindowError(f"stations is {names!r}, expected a list of names: [{names!r}]")
        if len(set(names)) < len(names):
            raise WindowError(f"stations names a station twice: {list(names)}; name each once")
        first = self.stations.first
        parts = {name: self if name == first else self.station(name) for name in names}
        self._check_stations(parts)
        return PooledWindows({name: part.series_windows(split) for name, part in parts.items()})

    def _check_stations(self, parts: Mapping[str, Project]) -> None:
        """Refuse stations that cannot be read together."""
        for name, part in parts.items():
            again = f"dvc repro prepare_station@{name}"
            if part.arrays.step_seconds != self.arrays.step_seconds:
                raise ProjectError(
                    f"{name} has a row every {part.arrays.step_seconds} s, {self.stations.first} "
                    f"every {self.arrays.step_seconds} s, so a window would mean something else; "
                    "write the rows of both at the same times, or take the station off "
                    "stations.further"
                )
            pooled = self.stations.statistics == "pooled"
            if pooled and part.statistics.columns != self.statistics.columns:
                raise ProjectError(
                    f"the arrays of {name} were normalised with other statistics than those of "
                    f"{self.stations.first}; build them again: {again}"
                )

    def series_windows(self, split: str) -> SeriesWindows:
        """The windows of one station, the project's first: of train, validation or test.

        Raises:
            WindowError: there is no such split.
            ProjectError: a file is missing, damaged, or was not made from the same data and params
                as the others; or the pipeline has run since this project was opened.
        """
        with self.about():
            return self._series_windows(split)

    def _series_windows(self, split: str) -> SeriesWindows:
        from jena_etl.windows.index import SPLITS, WindowIndex
        from jena_etl.windows.spec import WindowSpec
        from jena_etl.windows.split_windows import SeriesWindows

        if split not in SPLITS:
            raise WindowError(f"split must be one of {', '.join(SPLITS)}, found {split!r}")
        splits = self._checked_splits()
        rows, spec = splits.rows, WindowSpec(**splits.window.model_dump())
        starts = splits.splits[split].starts
        if starts and (last := starts[-1][-1]) + spec.span > rows:
            raise ProjectError(
                f"splits.json is damaged: the window of {split} that starts in row {last} spans "
                f"{spec.span} rows, of {rows}; build it again: dvc repro -f splits"
            )
        phases = spec.sampling_rate
        shape = (phases, -(-rows // phases), len(self.arrays.columns))
        return SeriesWindows(
            features=self._array(self.features_npy, shape, "float32"),
            targets=self._array(self.targets_npy, (rows,), "float32"),
            spec=spec,
            index=WindowIndex(starts),
        )

    def _checked_splits(self) -> Splits:
        """The splits, provided that the arrays belong to them and no file has changed since."""
        check_arrays(self.arrays, self.statistics, self.splits)
        opened = {
            self.statistics_json: self.statistics,
            self.splits_json: self.splits,
            self.arrays_json: self.arrays,
        }
        for path, output in opened.items():
            if type(output).read(path) != output:
                raise ProjectError(
                    f"{path.name} has changed since this project was opened, and the arrays may "
                    "have changed too; open the project again: open_project()"
                )
        return self.splits

    def batches(
        self,
        split: str,
        batch_size: int = 256,
        *,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        start_batch: int = 0,
        shard: tuple[int, int] = (0, 1),
        order: str = "forward",
    ) -> WindowBatches:
        """A split's batches as NumPy arrays; `SplitWindows.batches` explains the arguments."""
        return self.windows(split).batches(
            batch_size,
            shuffle=shuffle,
            seed=seed,
            epoch=epoch,
            start_batch=start_batch,
            shard=shard,
            order=order,
        )

    @takes_arguments_of(batches)
    def dataset(self, split: str, *args: Any, **options: Any) -> Any:
        """The same batches as a tf.data.Dataset; takes the arguments of `batches`."""
        return self.batches(split, *args, **options).dataset()

    def forecaster(self, model: str = "best") -> Forecaster:
        """A trained model that takes measurements in their units; loading it imports Keras.

        Args:
            model: the name of a trained architecture or of an ensemble on the leaderboard, or
                "best" for the architecture that has the lowest MAE on the validation split.

        Raises:
            ProjectError: there is no such model, or no leaderboard.
            TrainingError: the model's file is missing or damaged, or was written by another version
                of this package.
        """
        from jena_etl.forecasting.forecaster import load_forecaster

        name = self.trained_model(model)
        return load_forecaster(
            self.trained_model_file(name),
            architecture=name,
            intervals=self.prediction_intervals_json,
        )

    def trained_model(self, model: str) -> str:
        """The architecture or ensemble that `forecaster` would load for this name.

        Raises:
            ProjectError: there is no such model, or no leaderboard to say which is the best.
        """
        from jena_etl.evaluation.leaderboard import read_leaderboard
        from jena_etl.evaluation.predictions import BASELINES, NAIVE
        from jena_etl.models import names

        if model == "best":
            rows = read_leaderboard(self.leaderboard_csv)
            return next(row["architecture"] for row in rows if row["kind"] == "model")
        if model in BASELINES:
            beside = "; every forecaster gives the naive forecast beside its own"
            raise ProjectError(
                f"{model} is not a model that is loaded{beside if model == NAIVE else ''}"
            )
        if model not in (known := [*names(), *self.ensembles]):
            raise ProjectError(f"there is no model {model!r}" + nearest(model, ["best", *known]))
        return model

    def _array(self, path: Path, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        again = "build it again: dvc repro -f arrays"
        try:
            array: np.ndarray = np.lib.format.open_memmap(path, mode="r")
        except FileNotFoundError:
            raise not_built(path, "arrays") from None
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  damaged files raise many kinds of error
            raise ProjectError(f"{path.name} is damaged ({error}); {again}") from None
        if array.shape != shape:
            raise ProjectError(
                f"{path.name} has shape {array.shape}, splits.json asks for {shape}; {again}"
            )
        if array.dtype != dtype:
            raise ProjectError(f"{path.name} holds {array.dtype}, expected {dtype}; {again}")
        return array


def open_project(
    path: str | Path = ".", *, rev: str | None = None, cache_dir: str | Path | None = None
) -> Project:
    """The project in folder `path`, or a version of one in another git repository.

    With a URL or a `rev`, what reading needs is fetched into a cache on this machine: once for each
    commit, and again when a branch has moved. A credential is best left to git and DVC; one in the
    URL is kept out of the cache and of messages.

    Args:
        path: a project folder, or the URL or path of a git repository with a project at its root.
        rev: a branch, a tag or a full commit of the repository; for a URL, the default branch if
            none is given. A full commit that has been fetched is opened without a network.
        cache_dir: the folder of the cache, instead of the user's cache folder.

    Raises:
        ProjectError: the folder has no params.yaml; or git does not reach the repository, it has no
            such revision or no project, or its data was not pushed or cannot be fetched.
    """
    if rev is not None or URL.match(str(path)):
        from jena_etl.fetched import open_fetched

        return open_fetched(path, rev=rev, cache_dir=cache_dir)
    root = Path(path)
    if not (root / "params.yaml").is_file():
        raise ProjectError(
            f"{root} is not a jena-etl project: it has no params.yaml; change to the project "
            "folder, or name it; a git repository needs a rev: open_project(path, rev='main')"
        )
    return Project(root)


def find_project() -> Project:
    """The project that the current folder lies in, as DVC finds its repository.

    Raises:
        ProjectError: neither this folder nor one above it has a params.yaml.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file():
            return Project(Path() if folder == here else folder)
    raise ProjectError(
        f"{here} is not in a jena-etl project: neither it nor any folder above it has a "
        "params.yaml; change to a project folder, or name one"
    )
