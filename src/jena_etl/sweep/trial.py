"""A trial of a search: one architecture, trained with some params other than params.yaml's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jena_etl.params import Params
from jena_etl.stage_output import Part

ARCHITECTURE = "architecture"
FOLDER = "checkpoints/sweep/trials"
# Params that shape no trial, or are part of its base in another form.
OF_NO_TRIAL = (
    *("architectures", "ensembles", "further_horizons", "further_seeds", "report"),
    *("rolling_origin", "models"),
)


class Trial(Part):
    """What is trained.

    Attributes:
        architecture: its name.
        values: what it is given instead of what params.yaml holds, by path.
        base: a digest of all else that shapes it.
    """

    architecture: str
    values: dict[str, bool | int | float | str]
    base: str

    @classmethod
    def of(cls, config: Mapping[str, Any], bases: Mapping[str, str]) -> Trial:
        """The trial of a config that a search has drawn, with the base of each architecture."""
        name = config[ARCHITECTURE]
        values = {path: config[path] for path in sorted(config) if path != ARCHITECTURE}
        return cls(architecture=name, values=values, base=bases[name])

    @property
    def key(self) -> str:
        """What it is named after: the same for the same trial, and for no other."""
        text = json.dumps([self.architecture, self.values, self.base])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def config(self) -> dict[str, Any]:
        """As a search draws it."""
        return {ARCHITECTURE: self.architecture, **self.values}


class Result(Part):
    """How a trial ended.

    Attributes:
        trial: what was trained.
        validation_mae: of its best epoch, in the target's unit; what the leaderboard would say.
        history: the validation MAE after each epoch.
        epochs: how many it was to have.
        stopped: whether it was stopped early, because others were better.
        parameters: the number of trainable parameters; None if it was stopped.
        seconds: how long it was trained, on the node that finished it.
    """

    trial: Trial
    validation_mae: float
    history: tuple[float, ...]
    epochs: int
    stopped: bool
    parameters: int | None
    seconds: float


@dataclass(frozen=True)
class TrialFiles:
    """Where the files of a trial lie in a project folder; git-ignored."""

    root: Path
    key: str

    @property
    def trial(self) -> Path:
        """What is to be trained."""
        return self.root / FOLDER / f"{self.key}.json"

    @property
    def splits(self) -> Path:
        """Which windows it is trained and scored on."""
        return self.root / FOLDER / f"{self.key}-splits.json"

    @property
    def history(self) -> Path:
        """Its history, which grows while it is trained."""
        return self.root / FOLDER / f"{self.key}.csv"

    @property
    def result(self) -> Path:
        """How it ended."""
        return self.root / FOLDER / f"{self.key}-result.json"

    @property
    def lock(self) -> Path:
        """Held by the node that trains it."""
        return self.root / FOLDER / f"{self.key}.lock"

    @property
    def log(self) -> Path:
        """What its training prints."""
        return self.root / f"logs/sweep/trial-{self.key}.log"


def base_of(raw_params: Mapping[str, Any], architecture: str, files: Mapping[str, str]) -> str:
    """A digest of all that shapes the trials of an architecture besides their own values.

    Args:
        raw_params: the content of params.yaml.
        architecture: its name.
        files: the digests of the data and the code that its train stage reads, by path.
    """
    params = {key: value for key, value in raw_params.items() if key not in OF_NO_TRIAL}
    block = raw_params["models"][architecture]
    text = json.dumps([params, block, dict(files)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def epochs_of(params: Params, architecture: str) -> int:
    """How many epochs an architecture is trained for at most; 1 if it is fitted in one go."""
    block = params.models[architecture]
    epochs: int = block.get("epochs", 1)
    return epochs
