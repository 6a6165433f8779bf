"""params.yaml as frozen, validated objects.

The values live in params.yaml alone; this module says which values are allowed. A model's own
block is declared beside the model, in `jena_etl.models`.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FiniteFloat,
    PositiveInt,
    model_validator,
)

from jena_etl.csv_dialect import Dialect, Names, Text
from jena_etl.params_check import Block, check, check_known, listed, load_yaml
from jena_etl.params_features import Features, check_features
from jena_etl.params_rolling_origin import RollingOrigin, Time
from jena_etl.params_stations import Stations
from jena_etl.text import without_credentials

REMOTE = ("http", "https")
SPLIT_DATES = ("validation", "test")  # what begins at each of split.dates
MIN_MEMBERS, MAX_MEMBERS = 2, 10  # of an ensemble, whose weights are found by trying all groups
# Names that the leaderboard and `jena-etl forecast --model` have for something else.
NOT_AN_ENSEMBLE = ("best", "naive", "climatology", "persistence_cycle", "damped_persistence")

Fraction = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Order = Literal["forward", "reversed"]
Policy = Literal["reference", "strict", "lookback"]


class SourceFile(NamedTuple):
    """One file to fetch, and the size and SHA-256 that it must have; None accepts any."""

    url: str
    bytes: int | None = None
    sha256: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether the file comes from a server rather than from this machine."""
        return urlsplit(self.url).scheme in REMOTE

    @property
    def path(self) -> str:
        """The URL's path, decoded; without a scheme, the URL is itself a path."""
        parts = urlsplit(self.url)
        return unquote(parts.path) if parts.scheme else self.url

    @property
    def name(self) -> str:
        """The last part of the path, which is the file's name here."""
        return self.path.rpartition("/")[2]  # decoded first: %2F must not lead out of the folder

    @property
    def shown(self) -> str:
        """The URL for messages, without the query or credentials, which may be secret."""
        return without_credentials(self.url)


def _source_url(url: str) -> str:
    """Refuse a URL that cannot be fetched or holds a secret; no message repeats any part of it."""
    if url != url.strip() or not url.isprintable():
        raise ValueError(
            "has a space at its start or end, a tab or another invisible character; remove it"
        )
    server = None
    try:
        parts = urlsplit(url)
        if parts.scheme in REMOTE:
            from urllib3.util import parse_url  # the parser that requests uses

            server = parse_url(url)
    except ValueError:  # a bracket in the host, a port that is not a number
        raise ValueError("is not a valid address; copy it again") from None
    if "@" in unquote(parts.netloc) or (server and server.auth is not None):
        raise ValueError("holds a user name or password; put it in ~/.netrc instead")
    if parts.scheme not in (*REMOTE, "file", ""):
        raise ValueError(
            "does not start with http://, https:// or file://; fetch the file by other means "
            "and write its path"
        )
    if server and not server.host:
        raise ValueError("does not name a server; copy the address again")
    if not server and parts.netloc not in ("", "localhost"):
        raise ValueError("names another machine; write a path, or file:/// and the full path")
    file = SourceFile(url)
    if file.name in ("", ".", "..") or not file.path.isprintable():
        raise ValueError("does not name a file; end it with the file's name")
    return url


def _as_tuple(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return value if value is None else (value,)


OneOrMore = BeforeValidator(_as_tuple)
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Download(Block):
    """Where the source files come from; one value stands for a list of one."""

    url: Annotated[tuple[Annotated[Text, AfterValidator(_source_url)], ...], OneOrMore]
    bytes: Annotated[tuple[PositiveInt | None, ...] | None, OneOrMore]
    sha256: Annotated[tuple[Sha256 | None, ...] | None, OneOrMore]
    max_bytes: PositiveInt

    @property
    def files(self) -> list[SourceFile]:
        """Each url with the bytes and the sha256 that are pinned for it."""
        unpinned = (None,) * len(self.url)
        pins = (self.bytes or unpinned, self.sha256 or unpinned)
        return [SourceFile(*file) for file in zip(self.url, *pins, strict=True)]

    @model_validator(mode="after")
    def _fits_together(self) -> Download:
        urls = len(self.url)
        if not urls:
            raise ValueError("url is an empty list; write one url, or a list of one per file")
        for key in ("bytes", "sha256"):
            pins = getattr(self, key)
            if pins is not None and len(pins) != urls:
                raise ValueError(
                    f"{key} has {len(pins)} entries, expected {urls}, one per url; write null "
                    "for a file that need not be checked, or a single null"
                )
        names = [file.name.casefold() for file in self.files]
        if twice := next((name for name in names if name and names.count(name) > 1), None):
            raise ValueError(
                f"two urls end in {twice!r}, so one file would replace the other; copy one of "
                "the files to another name and write its path"
            )
        return self


class Convert(Block, Dialect):
    """How the CSV files are written, and what happens to cells and rows without a measurement.

    Attributes:
        members: the CSV files in time order; None if there is only one.
        units: the units of columns whose names do not end in one.
        sentinels: numbers that mean "not measured".
        on_sentinel: what to do with sentinels.
        on_missing: what to do with cells that are empty, nan, NA or null.
        on_duplicate: what to do with a row whose timestamp an earlier row already has.
        on_frozen: what to do with cells in which a sensor hardly changes for days.
    """

    members: Names | None
    units: dict[str, Text]
    sentinels: Annotated[tuple[FiniteFloat, ...], Field(strict=False)]
    on_sentinel: Literal["fill_forward", "keep", "error"]
    on_missing: Literal["fill_forward", "error"]
    on_duplicate: Literal["keep", "first", "error"]
    on_frozen: Literal["keep", "missing"]

    @model_validator(mode="after")
    def _units_are_of_columns(self) -> Convert:
        for name in self.units:
            fault = f"units names {name!r}, which is not one of columns"
            check_known(name, self.columns, fault)
        return self


class Split(Block):
    """Which rows and windows belong to train, validation and test.

    Attributes:
        train: the fraction of the rows, in time order, that is train.
        validation: the fraction that follows; the rest is test.
        dates: instead of the fractions, the times at which validation and test begin; empty: none.
        policy: which windows belong to a split.
    """

    train: Fraction
    validation: Fraction
    dates: Annotated[tuple[Time, ...], Field(strict=False)]
    policy: Policy

    @model_validator(mode="after")
    def _two_dates_in_order(self) -> Split:
        times = [datetime.fromisoformat(date) for date in self.dates]
        if self.dates and (len(times) != len(SPLIT_DATES) or times != sorted(set(times))):
            raise ValueError(
                f"dates must be two in time order, at which {' and '.join(SPLIT_DATES)} "
                f"begin, as in ['2013-01-01', '2015-01-01']; found {list(self.dates)}; write [] "
                "for the fractions train and validation"
            )
        return self

    @model_validator(mode="after")
    def _leaves_test_rows(self) -> Split:
        total = self.train + self.validation
        if total >= 1:
            raise ValueError(
                f"train + validation is {total:g}, which leaves no test rows; keep it below 1"
            )
        return self


class Window(Block):
    """Which rows a window reads, and which row it forecasts."""

    target: Text
    sequence_length: PositiveInt
    sampling_rate: PositiveInt
    horizon: PositiveInt
    sequence_stride: PositiveInt
    gaps: Literal["keep", "drop"]


class Train(Block):
    """The training settings that all architectures share."""

    batch_size: PositiveInt
    device: Literal["auto", "cpu", "gpu"]
    mixed_precision: bool
    deterministic: bool
    cpu_threads: PositiveInt
    # The number of processes that train a network together, each on its shard of every batch.
    shards: PositiveInt = 1

    @model_validator(mode="after")
    def _batch_can_be_shared(self) -> Train:
        if self.batch_size % self.shards:
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of shards {self.shards}, so a "
                "batch cannot be shared out evenly; change one of them"
            )
        return self


class Report(Block):
    """What the report page says about the data.

    Attributes:
        label: a word in large letters below the title, such as STAND-IN; None for none.
        credit: who recorded the data, and its licence; None if it need not be said.
    """

    label: Text | None
    credit: Text | None


class Params(Block):
    """All of params.yaml; the blocks of `models` are checked by `jena_etl.models`."""

    seed: Seed
    further_seeds: Annotated[tuple[Seed, ...], Field(strict=False)]
    further_horizons: Annotated[tuple[PositiveInt, ...], Field(strict=False)]
    stations: Stations
    download: Download
    convert: Convert
    features: Features
    split: Split
    rolling_origin: RollingOrigin
    window: Window
    train: Train
    report: Report
    architectures: Names
    ensembles: dict[Text, Names]
    models: dict[str, dict[str, Any]]

    @model_validator(mode="after")
    def _names_exist(self) -> Params:
        target, columns = self.window.target, self.convert.columns
        check_known(target, columns, f"window.target {target!r} is not one of convert.columns")
        check_features(self.features, columns)
        for name in self.architectures:
            fault = f"architectures names {name!r}, but there is no block models.{name}"
            check_known(name, self.models, fault)
        if len(set(self.architectures)) < len(self.architectures):
            raise ValueError("architectures names a model twice; name each once")
        return self

    @model_validator(mode="after")
    def _further_ones_differ(self) -> Params:
        for key, further, own_key, own in (
            ("further_seeds", self.further_seeds, "seed", self.seed),
            ("further_horizons", self.further_horizons, "window.horizon", self.window.horizon),
        ):
            numbers = [own, *further]
            if twice := sorted({one for one in numbers if numbers.count(one) > 1}):
                raise ValueError(
                    f"{key}: {twice[0]} appears twice in {own_key} and {key}; name each once"
                )
        return self

    @model_validator(mode="after")
    def _stations_can_be_read(self) -> Params:
        for name in self.stations.further:
            self.station_sources(name)
            self.station_dialect(name)
        for key, further in (
            ("further_horizons", self.further_horizons),
            ("rolling_origin.origins", self.rolling_origin.origins),
        ):
            if self.stations.further and further:
                raise ValueError(
                    f"{key} is for a project with one station, and stations.further names "
                    f"{len(self.stations.further)} more; write {key}: [] or stations.further: {{}}"
                )
        return self

    @model_validator(mode="after")
    def _ensembles_have_members(self) -> Params:
        taken = {name.casefold() for name in (*self.models, *NOT_AN_ENSEMBLE)}
        for name, members in self.ensembles.items():
            where = f"ensembles.{name}"
            # Without regard to case, as the names are also those of files.
            if not re.fullmatch(r"[A-Za-z]\w*", name) or name.casefold() in taken:
                raise ValueError(
                    f"{where} must be called something else: its file is named after it, so use "
                    "letters, digits and underscores, and no name of an architecture, a baseline "
                    "or another ensemble, nor 'best'"
                )
            taken.add(name.casefold())
            for member in members:
                fault = f"{where} names {member!r}, which is not one of architectures"
                check_known(member, self.architectures, fault)
                if self.models[member].get("order") == "reversed":
                    raise ValueError(
                        f"{where} names {member!r}, which reads its windows reversed; an ensemble "
                        "gives all its members the same windows, in time order"
                    )
            if len(set(members)) < MIN_MEMBERS or len(set(members)) < len(members):
                raise ValueError(
                    f"{where} must name at least two architectures, each once, found "
                    f"{list(members)}"
                )
            if len(members) > MAX_MEMBERS:
                raise ValueError(f"{where} names {len(members)}, at most {MAX_MEMBERS} are allowed")
        return self

    def members(self, ensemble: str) -> tuple[str, ...]:
        """The members of the ensemble that a command line names."""
        return self.ensembles[listed(ensemble, "ensembles", self.ensembles)]

    def station_sources(self, name: str) -> Download:
        """The block `download` of one of the further stations; nothing is pinned unless it says so.

        Raises:
            ParamsError: there is no such station, or a key or value is not allowed.
        """
        own = self.stations.further_station(name).download
        shared = {"bytes": None, "sha256": None, "max_bytes": self.download.max_bytes}
        return check(Download, shared | own, f"stations.further.{name}.download")

    def station_dialect(self, name: str) -> Convert:
        """The block `convert` of one of the further stations.

        Raises:
            ParamsError: there is no such station, or a key or value is not allowed.
        """
        own = self.stations.further_station(name).convert
        shared = self.convert.model_dump() | {"members": None}
        return check(Convert, shared | own, f"stations.further.{name}.convert")

    def further_seed(self, text: str) -> int:
        """The one of `further_seeds` that a command line names."""
        return listed(text, "further_seeds", self.further_seeds)

    def further_horizon(self, text: str) -> int:
        """The one of `further_horizons` that a command line names."""
        return listed(text, "further_horizons", self.further_horizons)


def read_params(path: Path) -> Params:
    """Read and check params.yaml.

    Raises:
        ParamsError: the file is missing or is not YAML, or a key or value is not allowed.
    """
    return check(Params, load_yaml(path), "")
