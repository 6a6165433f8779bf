"""A model file: the same bytes from every process, whole or refused with a reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jena_etl import model_file
from jena_etl.errors import ProjectError, TrainingError
from jena_etl.model_file import ModelMetadata, load_model, read_metadata, write_model

# Trainable parameters, by hand, of 2 units on windows of 5 rows and 3 features, then Dense(1):
PARAMETERS = {
    "dense": (5 * 3 * 2 + 2) + (2 + 1),
    "lstm": 4 * (3 * 2 + 2 * 2 + 2) + (2 + 1),
    "bidirectional": 2 * 4 * (3 * 2 + 2 * 2 + 2) + (4 + 1),
    "stacked_gru": 3 * (3 * 2 + 2 * 2 + 2 * 2) + 3 * (2 * 2 + 2 * 2 + 2 * 2) + (2 + 1),
}
STEPS = 4

# Trains the architectures named on its command line, in that order, and keeps their forecasts.
TRAIN = f"""
import sys
from pathlib import Path
import keras
import numpy as np
from jena_etl.model_file import write_model

layers = keras.layers
build = {{
    "dense": lambda: [layers.Flatten(), layers.Dense(2, activation="relu")],
    "lstm": lambda: [layers.LSTM(2, recurrent_dropout=0.3), layers.Dropout(0.5)],
    "bidirectional": lambda: [layers.Bidirectional(layers.LSTM(2))],
    "stacked_gru": lambda: [layers.GRU(2, return_sequences=True), layers.GRU(2)],
}}
folder, names = Path(sys.argv[1]), sys.argv[2:]
x = np.load(folder.parent / "x.npy")
for name in names:
    keras.utils.clear_session()
    keras.utils.set_random_seed(42)
    model = keras.Sequential([keras.Input((5, 3)), *build[name](), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
    model.fit(x, x[:, 0, :1], batch_size=len(x) // {STEPS}, shuffle=False, verbose=0)
    write_model(model, folder / "models" / (name + ".keras"), architecture=name, order="forward")
    np.save(folder / (name + ".npy"), keras.ops.convert_to_numpy(model(x)))
"""

# Loads all models where `import jena_etl` fails, and keeps their forecasts.
LOAD_ELSEWHERE = """
import sys
from pathlib import Path
sys.modules["jena_etl"] = None
import keras
import numpy as np

folder = Path(sys.argv[1])
x = np.load(folder.parent / "x.npy")
for name in sys.argv[2:]:
    model = keras.models.load_model(folder / "models" / (name + ".keras"))
    np.save(folder / (name + ".elsewhere.npy"), keras.ops.convert_to_numpy(model(x)))
"""


def start(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    return stdout


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders, each the work of a fresh process.

    The processes differ in what may not show: the order of the architectures, the hash seed,
    the addresses, the folder.
    """
    root = tmp_path_factory.mktemp("runs")
    x = np.random.default_rng(0).normal(size=(4 * STEPS, 5, 3)).astype("float32")
    np.save(root / "x.npy", x)
    first, second = root / "first", root / "second"
    names = list(PARAMETERS)
    for folder in (first, second):
        folder.mkdir()
    processes = [
        start(TRAIN, first, *names, PYTHONHASHSEED="1"),
        start(TRAIN, second, *reversed(names), PYTHONHASHSEED="2"),
    ]
    for process in processes:
        output(process)
    return first, second


@pytest.fixture
def model_path(runs: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the LSTM's file, to be spoilt."""
    path = tmp_path / "models/lstm.keras"
    path.parent.mkdir()
    path.write_bytes((runs[0] / "models/lstm.keras").read_bytes())
    return path


@pytest.mark.parametrize("name", PARAMETERS)
def test_two_processes_write_the_same_bytes(runs: tuple[Path, Path], name: str) -> None:
    first, second = ((run / f"models/{name}.keras").read_bytes() for run in runs)
    assert first == second


def test_only_model_files_are_left(runs: tuple[Path, Path]) -> None:
    found = {file.name for file in (runs[0] / "models").iterdir()}
    assert found == {f"{name}.keras" for name in PARAMETERS}


def test_no_clock_in_the_file(model_path: Path) -> None:
    with zipfile.ZipFile(model_path) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        metadata = json.loads(archive.read("metadata.json"))
    assert metadata.pop("keras_version")[0] == "3"
    assert metadata == {
        "date_saved": "1980-01-01@00:00:00",
        "jena_etl": {
            "architecture": "lstm",
            "order": "forward",
            "trainable_parameters": PARAMETERS["lstm"],
        },
    }


def test_shared_objects_are_numbered_in_order_of_appearance() -> None:
    saved = b'[{"shared_object_id": 900}, {"shared_object_id": 17}, {"shared_object_id": 900}]'
    ids = [node["shared_object_id"] for node in json.loads(model_file._canonical_config(saved))]
    assert ids == [1, 2, 1]


@pytest.mark.parametrize("name", PARAMETERS)
def test_loaded_model_forecasts_the_same_and_can_train_on(
    runs: tuple[Path, Path], name: str
) -> None:
    model = load_model(runs[0] / f"models/{name}.keras", architecture=name)
    forecasts = model(np.load(runs[0].parent / "x.npy")).numpy()
    np.testing.assert_array_equal(forecasts, np.load(runs[0] / f"{name}.npy"))
    assert int(model.optimizer.iterations) == STEPS


def test_keras_loads_it_without_this_package(runs: tuple[Path, Path]) -> None:
    output(start(LOAD_ELSEWHERE, runs[0], *PARAMETERS))
    for name in PARAMETERS:
        forecasts = np.load(runs[0] / f"{name}.elsewhere.npy")
        np.testing.assert_array_equal(forecasts, np.load(runs[0] / f"{name}.npy"))


def test_short_memory_does_not_change_the_bytes(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(runs[0] / "models/lstm.keras", architecture="lstm")
    write_model(model, tmp_path / "plenty.keras", architecture="lstm", order="forward")
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=0))
    write_model(model, tmp_path / "short.keras", architecture="lstm", order="forward")
    assert (tmp_path / "plenty.keras").read_bytes() == (tmp_path / "short.keras").read_bytes()


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_metadata(runs: tuple[Path, Path], name: str, parameters: int) -> None:
    assert read_metadata(runs[0] / f"models/{name}.keras") == ModelMetadata(
        name, "forward", parameters
    )


def test_metadata_needs_neither_keras_nor_tensorflow(model_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from jena_etl.model_file import read_metadata\n"
        "read_metadata(Path(sys.argv[1])); print(sorted({'keras', 'tensorflow'} & {*sys.modules}))"
    )
    assert output(start(code, model_path)) == "[]\n"


def test_failed_write_leaves_the_old_file_alone(model_path: Path) -> None:
    before = model_path.read_bytes()

    class Full:
        trainable_weights = ()

        def save(self, folder: str, **_: Any) -> None:
            Path(folder, "config.json").write_text("{")
            raise OSError(28, "No space left on device")

    with pytest.raises(ProjectError, match="No space left"):
        write_model(Full(), model_path, architecture="lstm", order="forward")
    assert model_path.read_bytes() == before
    assert list(model_path.parent.iterdir()) == [model_path]


def refusal(path: Path, architecture: str = "lstm") -> str:
    with pytest.raises(TrainingError) as caught:
        load_model(path, architecture=architecture)
    return str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "models/lstm.keras") == (
        "models/lstm.keras is not there; get it: dvc checkout models/lstm.keras; "
        "or train it: dvc repro train@lstm"
    )


def test_unreadable_file(tmp_path: Path) -> None:
    folder = tmp_path / "lstm.keras"
    folder.mkdir()
    assert "cannot be read (Is a directory)" in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04"])
def test_file_that_is_no_zip(model_path: Path, content: bytes) -> None:
    model_path.write_bytes(content)
    assert refusal(model_path) == (
        "models/lstm.keras is damaged (File is not a zip file), expected a whole .keras file; "
        "train the model again: dvc repro -f train@lstm"
    )


def test_truncated_file(model_path: Path) -> None:
    whole = model_path.read_bytes()
    for length in range(1, len(whole), 997):
        model_path.write_bytes(whole[:length])
        assert "is damaged" in refusal(model_path)


def test_flipped_byte_of_the_weights(model_path: Path) -> None:
    content = bytearray(model_path.read_bytes())
    content[content.index(b"\x89HDF") + 10_000] ^= 1
    model_path.write_bytes(content)
    assert "is damaged (Bad CRC-32 for file 'model.weights.h5')" in refusal(model_path)


def test_any_changed_byte_is_found_or_harmless(model_path: Path) -> None:
    """Every bit of the zip's own records, and one bit of every 97th byte it holds."""
    whole, members = model_path.read_bytes(), model_file._read_members(model_path)
    with zipfile.ZipFile(model_path) as archive:
        records = {*range(archive.start_dir, len(whole))}
        for member in archive.infolist():
            records |= {member.header_offset + i for i in range(30 + len(member.filename))}
    changes = [(place, 1 << bit) for place in records for bit in range(8)]
    changes += [(place, 64) for place in range(0, len(whole), 97) if place not in records]
    refused = 0
    for place, mask in changes:
        changed = bytearray(whole)
        changed[place] ^= mask
        model_path.write_bytes(changed)
        try:
            assert model_file._read_members(model_path) == members, (place, mask)
        except TrainingError:
            refused += 1
    assert refused > len(changes) / 2


def test_other_architecture(model_path: Path) -> None:
    assert refusal(model_path, "dense") == (
        "models/lstm.keras holds a model of architecture lstm, expected dense; "
        "train it again: dvc repro -f train@dense"
    )


def test_file_of_something_else(model_path: Path) -> None:
    with zipfile.ZipFile(model_path, "w") as archive:
        for name in ("config.json", "metadata.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    assert "was written by something else: its metadata.json has no jena_etl" in refusal(model_path)


def test_lambda_is_refused(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)])
    model.compile(loss="mse")
    path = tmp_path / "models/doubled.keras"
    write_model(model, path, architecture="doubled", order="forward")
    assert refusal(path, "doubled") == (
        "Keras' safe mode refuses models/doubled.keras: Requested the deserialization of a "
        "`Lambda` layer whose `function` is a Python lambda. Expected Keras' own layers and no "
        "Lambda; take it out of the architecture, then: dvc repro train@doubled"
    )
