"""What whoever started a search keeps of it, so that the same command goes on after a crash.

Ray Tune can restore an experiment by itself, but from a snapshot that may be ten seconds old or
older. Here each trial is noted as it begins and as it ends, and another call may ask for more.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from jena_etl.files import write_text
from jena_etl.sweep.trial import Result, Trial


class Store:
    """The trials of a search in a folder: those that have begun, and how those that ended did.

    Other params, data, code or another space give another folder, so that nothing is mixed up.
    """

    def __init__(self, root: Path, name: str, *shaping: object) -> None:
        text = json.dumps(shaping, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        self.folder = root / f"checkpoints/sweep/{name}-{digest}"
        self._begun = self.folder / "begun.jsonl"

    def begun(self) -> list[Trial]:
        """The trials that have begun, in order, each once."""
        if not self._begun.is_file():
            return []
        found = {}
        for line in self._begun.read_text(encoding="utf-8").splitlines():
            with suppress(ValidationError):  # cut off, or empty
                trial = Trial.model_validate_json(line)
                found[trial.key] = trial
        return list(found.values())

    def results(self) -> dict[str, Result]:
        """How the trials that have ended did, by key; none that has failed."""
        found = {}
        for trial in self.begun():
            with suppress(OSError, ValidationError):
                found[trial.key] = Result.model_validate_json(self._file(trial).read_bytes())
        return found

    def add(self, trial: Trial) -> None:
        """Note that a trial begins."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._begun.open("a", encoding="utf-8") as file:
            file.write("\n" + trial.model_dump_json())  # the line before may be cut off

    def end(self, result: Result) -> None:
        """Note how a trial has ended."""
        write_text(self._file(result.trial), result.model_dump_json())

    def _file(self, trial: Trial) -> Path:
        return self.folder / f"{trial.key}.json"
