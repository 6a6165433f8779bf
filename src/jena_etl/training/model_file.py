"""Trained models as `.keras` files whose bytes depend on the training alone.

`model.save` writes the clock and memory addresses into the file, so the same training
would give DVC another model each time. What is written here is the same archive in one
fixed form, and `keras.saving.load_model` opens it without this package.

Names that Keras makes up (`sequential_3`, `lstm_1`) count what the process built before and
stand in the file: call `keras.utils.clear_session()` before building a model for one.
"""

from __future__ import annotations

import io
import json
import lzma
import math
import tempfile
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jena_etl.errors import TrainingError
from jena_etl.files import replacing

_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
# zipfile has no common base for what damaged bytes make it raise.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class ModelMetadata:
    """What `write_model` adds to a model file, to know it by later."""

    architecture: str
    order: str  # forward or reversed: how the windows it was trained on run
    trainable_parameters: int


def write_model(model: Any, path: Path, *, architecture: str, order: str) -> None:
    """Write a compiled Keras model with its optimizer.

    A file that is already there is replaced when the new one is complete, and not before.
    """
    metadata = ModelMetadata(
        architecture=architecture,
        order=order,
        trainable_parameters=trainable_parameters(model),
    )
    with replacing(path) as part:
        members = _saved_by_keras(model, path)
        members["metadata.json"] = _canonical_metadata(members["metadata.json"], metadata)
        members["config.json"] = _canonical_config(members["config.json"])
        # Stored, not deflated: what deflate gives depends on the zlib that Python was built with.
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(members):
                member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                member.external_attr = 0o644 << 16
                archive.writestr(member, members[name])


def trainable_parameters(model: Any) -> int:
    """Count the numbers that training changes in a Keras model."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def read_metadata(path: Path) -> ModelMetadata:
    """Read what `write_model` added to the file, without importing Keras.

    Raises:
        TrainingError: the file is missing, damaged or was written by something else.
    """
    metadata = json.loads(_read_members(path)["metadata.json"])
    try:
        return ModelMetadata(**metadata["jena_etl"])
    except (KeyError, TypeError):
        raise TrainingError(
            f"{_shown(path)} was written by something else: its metadata.json has no jena_etl "
            f"block; train the model: dvc repro -f train@{path.stem}"
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
            f"train it again: dvc repro -f train@{architecture}"
        )
    import keras

    try:
        return keras.saving.load_model(path, safe_mode=True)
    except (TypeError, ValueError) as error:
        # Keras puts the whole config before the cause; only the cause's first sentence helps.
        cause = str(error).rpartition("Exception encountered: ")[2].partition(". ")[0]
        raise TrainingError(
            f"Keras' safe mode refuses {_shown(path)}: {cause}. Expected Keras' own layers and no "
            f"Lambda; take it out of the architecture, then: dvc repro train@{architecture}"
        ) from error


def _saved_by_keras(model: Any, path: Path) -> dict[str, bytes]:
    # Beside `path`, where a model surely fits, and named like what .dvcignore leaves out.
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=f"{path.name}.", suffix=".part"
    ) as folder:
        # Unzipped: into a zip Keras lays HDF5 out in one of two ways, by the memory free just now.
        model.save(folder, zipped=False, overwrite=True)
        files = [file for file in Path(folder).rglob("*") if file.is_file()]
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def _canonical_metadata(saved: bytes, metadata: ModelMetadata) -> bytes:
    fixed = {"date_saved": "1980-01-01@00:00:00", "jena_etl": asdict(metadata)}
    return json.dumps(json.loads(saved) | fixed).encode()


def _canonical_config(saved: bytes) -> bytes:
    """Take out what depends on the process and on the device.

    Shared objects are numbered 1, 2, ... where Keras writes their memory addresses. `jit_compile`
    is set to auto: Keras writes whether the device at hand used XLA, and would hold whoever loads
    the file to it.
    """
    numbers: dict[int, int] = {}

    def renumber(node: dict[str, Any]) -> dict[str, Any]:
        if (address := node.get("shared_object_id")) is not None:
            node["shared_object_id"] = numbers.setdefault(address, len(numbers) + 1)
        return node

    # Keys stay in Keras' order: a dict of outputs or losses may mean something by it.
    config = json.loads(saved, object_hook=renumber)
    config["compile_config"]["jit_compile"] = "auto"
    return json.dumps(config).encode()


def _read_members(path: Path) -> dict[str, bytes]:
    """Read every member completely, which checks its CRC before Keras opens the file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise TrainingError(
            f"{_shown(path)} is not there; get it: dvc checkout {_shown(path)}; "
            f"or train it: dvc repro train@{path.stem}"
        ) from None
    except OSError as error:
        raise TrainingError(
            f"{_shown(path)} cannot be read ({error.strerror}), expected a .keras file; "
            f"train the model again: dvc repro -f train@{path.stem}"
        ) from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in {*_MEMBERS, *archive.namelist()}}
    except _DAMAGE as error:
        reason = error.args[0] if error.args else "it ends too early"
        raise TrainingError(
            f"{_shown(path)} is damaged ({reason}), expected a whole .keras file; "
            f"train the model again: dvc repro -f train@{path.stem}"
        ) from None


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
