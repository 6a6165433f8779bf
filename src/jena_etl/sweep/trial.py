"""A trial of a search: one architecture, trained with some params other than params.yaml's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jena_etl.params import Params
from jena_etl.stage_output import Part

ARCHITECTURE = "architecture"
TRIALS = "checkpoints/sweep/trials"
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


class TrialFiles:
    """Where the files of a trial lie in a project folder; git-ignored.

    Attributes:
        root: the project folder.
        trial: what is to be trained.
        history: its history, which grows while it is trained.
        result: how it ended.
        lock: held by the node that trains it.
        log: what its training prints.
    """

    def __init__(self, root: Path, key: str) -> None:
        folder = root / TRIALS
        self.root = root
        self.trial = folder / f"{key}.json"
        self.history = folder / f"{key}.csv"
        self.result = folder / f"{key}-result.json"
        self.lock = folder / f"{key}.lock"
        self.log = root / f"logs/sweep/trial-{key}.log"


def base_of(raw_params: Mapping[str, Any], architecture: str, files: Mapping[str, str]) -> str:
    """A digest of all that shapes the trials of an architecture besides their own values.

    That is the content of params.yaml, and the digests of the files that its train stage reads.
    """
    params = {key: value for key, value in raw_params.items() if key not in OF_NO_TRIAL}
    block = raw_params["models"][architecture]
    text = json.dumps([params, block, dict(files)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def epochs_of(params: Params, architecture: str) -> int:
    """How many epochs an architecture is trained for at most; 1 if it is fitted in one go."""
    return int(params.models[architecture].get("epochs", 1))
