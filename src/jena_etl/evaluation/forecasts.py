"""The forecasts that a project has made, read one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from jena_etl.evaluation.ensemble import ensemble_weights, weighted_mean
from jena_etl.evaluation.predictions import Predictions, built_by, read_predictions
from jena_etl.project import Project


@dataclass(frozen=True)
class Forecasts(Mapping[str, dict[str, Predictions]]):
    """The forecasts of baselines, architectures and ensembles, by name and split.

    They are read whenever they are asked for, and share their timestamps and observations with
    those that were read first. So what goes through all of them needs the memory of one, however
    many there are. Of many stations, one takes gigabytes.

    Attributes:
        project: where they are.
        trained: the names of the baselines and the architectures.
        ensembles: the members of each ensemble, all of them in `trained`.
        file_of: gives the name of the file of forecasts; they are those of another training if it
            is not the name itself.
    """

    project: Project
    trained: tuple[str, ...]
    ensembles: Mapping[str, tuple[str, ...]]
    file_of: Callable[[str], str] = str
    _weights: dict[str, dict[str, float]] = field(default_factory=dict, init=False)

    def __iter__(self) -> Iterator[str]:
        """The names, an ensemble's after those of its members."""
        return iter((*self.trained, *self.ensembles))

    def __len__(self) -> int:
        return len(self.trained) + len(self.ensembles)

    def __getitem__(self, name: str) -> dict[str, Predictions]:
        """The forecasts of the scored splits for all stations.

        Raises:
            ProjectError: their file is missing or damaged.
        """
        if name == self.trained[0]:
            return self._first
        if name not in self.ensembles:
            return self._read(name, self._first)
        members = {member: self[member] for member in self.ensembles[name]}
        weights = self.weights(name)
        return {
            split: weighted_mean(weights, {one: parts[split] for one, parts in members.items()})
            for split in self._first
        }

    @cached_property
    def _first(self) -> dict[str, Predictions]:
        return self._read(self.trained[0], None)

    def _read(self, name: str, like: dict[str, Predictions] | None) -> dict[str, Predictions]:
        name = self.file_of(name)
        path = self.project.predictions_parquet(name)
        return read_predictions(path, built_by=built_by(name), like=like)

    def weights(self, ensemble: str) -> dict[str, float]:
        """The weights of an ensemble's members; none for anything else.

        They are fitted to the validation split of the stations that models learn from.
        """
        if ensemble not in self._weights:
            seen = self.project.stations.seen_numbers
            members = {
                member: self[member]["validation"].of_stations(seen)
                for member in self.ensembles.get(ensemble, ())
            }
            self._weights[ensemble] = ensemble_weights(members) if members else {}
        return self._weights[ensemble]
