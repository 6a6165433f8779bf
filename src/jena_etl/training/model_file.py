"""Writes trained models as `.keras` files whose bytes depend on the training alone.

`model.save` writes the time and memory addresses into the file, so repeating a training would give
DVC a different model each time. This module writes the same archive in one fixed form, which
`keras.saving.load_model` opens without this package.

The file also contains the names that Keras makes up (`sequential_3`, `lstm_1`), which count the
models that the process has built: call `keras.utils.clear_session()` before building a model.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jena_etl.errors import TrainingError
from jena_etl.files import replacing
from jena_etl.params import Order
from jena_etl.training.metadata import (
    ForecastTask,
    ModelMetadata,
    layers_of,
    trainable_parameters,
)

# The stage that writes a project's model files, by the folder they lie in.
STAGES = {"models": "train", "ensembles": "ensemble"}
_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}


def write_model(
    model: Any, path: Path, task: ForecastTask, *, architecture: str, order: Order
) -> None:
    """Write a compiled Keras model with its optimizer, and what is needed to forecast with it.

    An existing file is replaced only when the new one is complete.
    """
    metadata = ModelMetadata(
        **dict(task),
        architecture=architecture,
        order=order,
        trainable_parameters=trainable_parameters(model),
        layers=layers_of(model),
    )
    with replacing(path) as part:
        members = _saved_by_keras(model, path)
        saved = json.loads(members["metadata.json"])
        saved |= {"date_saved": "1980-01-01@00:00:00", "jena_etl": metadata.model_dump(mode="json")}
        members["metadata.json"] = json.dumps(saved).encode()
        members["config.json"] = _canonical_config(members["config.json"])
        # Stored, not deflated, as deflate's output depends on the zlib that Python was built with.
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(members):
                member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                member.external_attr = 0o644 << 16
                archive.writestr(member, members[name])


def read_metadata(path: Path) -> ModelMetadata:
    """Read what `write_model` added to the file, without importing Keras.

    Raises:
        TrainingError: the file is missing, damaged or was written by something else, or by another
            version of this package.
    """
    metadata = json.loads(_read_members(path)["metadata.json"])
    again = _remedy(path)
    if "jena_etl" not in metadata:
        raise TrainingError(
            f"{_shown(path)} was written by something else: its metadata.json has no jena_etl "
            f"block; {again}"
        )
    try:
        return ModelMetadata.model_validate_json(json.dumps(metadata["jena_etl"]))
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        raise TrainingError(
            f"{_shown(path)} was written by another version of this package ({field} in its "
            f"metadata.json: {fault['msg']}); {again}"
        ) from None


def load_model(path: Path, *, architecture: str) -> Any:
    """Load a Keras model, compiled as it was saved, in safe mode: no code in the file runs.

    Raises:
        TrainingError: the file is missing, damaged, of another architecture or refused by
            safe mode.
    """
    found = read_metadata(path).architecture
    if found != architecture:
        raise TrainingError(
            f"{_shown(path)} holds a model of architecture {found}, expected {architecture}; "
            f"{_remedy(path)}"
        )
    import keras

    try:
        return keras.saving.load_model(path, safe_mode=True)
    except (TypeError, ValueError) as error:
        # Keras prints the whole config before the cause; only the cause's first sentence helps.
        cause = str(error).rpartition("Exception encountered: ")[2].partition(". ")[0]
        raise TrainingError(
            f"Keras' safe mode refuses {_shown(path)}: {cause}. Expected Keras' own layers and no "
            f"Lambda; remove it from the architecture, then {_remedy(path)}"
        ) from error


def _saved_by_keras(model: Any, path: Path) -> dict[str, bytes]:
    # Beside `path`, where there must be room for a model, under a name that .dvcignore leaves out.
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=f"{path.name}.", suffix=".part"
    ) as folder:
        # Not zipped: in a zip, the layout of Keras' HDF5 depends on how much memory is free.
        model.save(folder, zipped=False, overwrite=True)
        files = [file for file in Path(folder).rglob("*") if file.is_file()]
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def _canonical_config(saved: bytes) -> bytes:
    """Remove what depends on the process and on the device.

    Keras identifies shared objects by their memory addresses; they are numbered 1, 2, ... instead.
    It also records whether this device used XLA and would make anybody who loads the file do the
    same, so `jit_compile` is set to auto.
    """
    numbers: dict[int, int] = {}

    def renumber(node: dict[str, Any]) -> dict[str, Any]:
        if (address := node.get("shared_object_id")) is not None:
            node["shared_object_id"] = numbers.setdefault(address, len(numbers) + 1)
        return node

    # Keys keep Keras' order, which may have a meaning in a dict of outputs or losses.
    config = json.loads(saved, object_hook=renumber)
    config["compile_config"]["jit_compile"] = "auto"
    return json.dumps(config).encode()


def _read_members(path: Path) -> dict[str, bytes]:
    """Read every member completely, so that its CRC is checked before Keras opens the file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        what_next = "check the path"
        if stage := STAGES.get(path.parent.name):
            what_next = f"restore it: dvc checkout {_shown(path)}; or build it: dvc repro "
            what_next += f"{stage}@{path.stem}"
        raise TrainingError(f"{_shown(path)} does not exist; {what_next}") from None
    except OSError as error:
        raise TrainingError(
            f"{_shown(path)} cannot be read ({error.strerror}), expected a .keras file; "
            + _remedy(path)
        ) from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in {*_MEMBERS, *archive.namelist()}}
    except Exception as error:  # noqa: BLE001  damaged files raise a dozen kinds of error
        reason = error.args[0] if error.args else "it ends too early"
        raise TrainingError(
            f"{_shown(path)} is damaged ({reason}), expected a whole .keras file; {_remedy(path)}"
        ) from None


def _remedy(path: Path) -> str:
    if stage := STAGES.get(path.parent.name):
        return f"build the model again: dvc repro -f {stage}@{path.stem}"
    return "get it again from where it comes, or build it: dvc repro -f evaluate"


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3 if path.parent.name == "ensembles" else -2 :])
