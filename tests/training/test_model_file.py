"""A model file: the same bytes from every process, whole or refused with a reason."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import ProjectError, TrainingError
from jena_etl.models import configure
from jena_etl.params import read_params
from jena_etl.training import model_file
from jena_etl.training.metadata import Layer, layers_of
from jena_etl.training.model_file import load_model, read_metadata, write_model
from tests.training.tasks import task
from tests.warm_python import NEW_PYTHON, warm_python

# Trainable parameters, by hand, of 2 units on windows of 3 rows and 3 features, then Dense(1).
LSTM = 4 * (3 * 2 + 2 * 2 + 2)
GATED = 3 * (2 * 2 + 2 * 2 + 2 * 2) + 2 * (2 * 2 + 2) + 2 * 2  # a GRU, its gate, its norm
ENCODER = 4 * (2 * 2 + 2) + (2 * 4 + 4) + (4 * 2 + 2) + 2 * 2 * 2  # attention, 2 layers, 2 norms
PARAMETERS = {
    "dense": (3 * 3 * 2 + 2) + 3,
    "conv1d": (2 * 3 * 2 + 2) + (1 * 2 * 2 + 2) + 3,
    "simple_rnn_stacked": (3 * 2 + 2 * 2 + 2) + 2 * (2 * 2 + 2 * 2 + 2) + 3,
    "lstm_dropout": LSTM + 3,
    "bidirectional_lstm": 2 * LSTM + 5,
    "residual_gru": (1 * 3 * 2 + 2) + 2 * GATED + 3,  # with residual connections
    "patch_transformer": (3 * 2 + 2) + (2 * 2 + 3 * 2) + 2 * ENCODER + 2 * 2 + (3 * 2 + 1),
    "tcn": (3 * 2 + 2) + (3 * 3 * 2 + 2) + (3 * 2 * 2 + 2) + 2 * 2 * 2 + 3,
}
TRAINED = tuple(PARAMETERS)  # each kind of layer, both kinds of dropout, with XLA and without
TWICE = ("bidirectional_lstm", "lstm_dropout")  # nested layers; dropout's seeds
STEPS = 4  # in an epoch
LARGE = ("dense", "conv1d")  # those whose bytes would follow from the number of cores

# Trains the architectures named on its command line, in that order, as params.yaml sets them up but
# small; keeps their histories and forecasts.
TRAIN = f"""
import os, sys
from pathlib import Path

if os.environ.get("ONE_CORE") and hasattr(os, "sched_setaffinity"):  # as under `taskset`; on Linux
    os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
import keras
import numpy as np
from jena_etl.training.model_file import write_model
from jena_etl.models import configure
from jena_etl.params import read_params
from jena_etl.training.device import use_device
from jena_etl.training.fit import seeded_model, train
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows
from tests.training.tasks import task

folder, params, names = Path(sys.argv[1]), read_params(Path(sys.argv[2])), sys.argv[3:]
blocks = params.models
use_device("cpu", deterministic=True, cpu_threads=params.train.cpu_threads)
rows = np.random.default_rng(0).standard_normal((1, 120, 3)).astype(np.float32)
spec = WindowSpec(sequence_length=3)
part, held_out = (
    SeriesWindows(rows, rows[0, :, 0], spec, WindowIndex([starts]))
    for starts in (range(16 * {STEPS}), range(80, 112))
)
small = dict(filters=2, kernel_sizes=[2, 1], units=2, heads=1, patch_size=1, target_as="value")
for name in names:
    print("training", name, "in", folder.name, file=sys.stderr, flush=True)
    changes = {{key: small[key] for key in small if key in blocks[name]}}
    architecture = configure(name, blocks[name] | changes)
    model = seeded_model(architecture, part, task("a", "b", "c"), seed=42)
    history = train(
        model,
        lambda epoch: part.for_model(16, shuffle=True, seed=42, epoch=epoch),
        held_out.for_model(16),
        epochs=2,
        xla=architecture.xla_on_cpu,
    )
    path = folder / f"models/{{name}}.keras"
    write_model(model, path, task("a", "b", "c"), architecture=name, order="forward")
    (folder / f"{{name}}.csv").write_text(history)
    x = np.load(folder.parent / "x.npy")
    np.save(folder / f"{{name}}.npy", keras.ops.convert_to_numpy(model(x)))

# As large as params.yaml has them: only then threads share the work.
rows = np.random.default_rng(0).standard_normal((1, 1300, 14)).astype(np.float32)
spec = WindowSpec(sequence_length=120)
large = SeriesWindows(rows, rows[0, :, 0], spec, WindowIndex([range(1024)]))
for name in {LARGE} if keras.config.backend() == "tensorflow" else ():
    architecture = configure(name, blocks[name])
    model = seeded_model(architecture, large, task("a"), seed=42)
    train(model, lambda epoch: large.for_model(256), large.for_model(256), epochs=1)
    path = folder / f"large/{{name}}.keras"
    write_model(model, path, task("a"), architecture=name, order="forward")
"""

# Before code that is to run where a package is not installed.
WITHOUT = "import sys; sys.modules[{!r}] = None\n"

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


def start(
    code: str, *arguments: object, python: Path, without: str = "jax", **environment: str
) -> subprocess.Popen[str]:
    """Start Python; unless it is to use jax, without it, as TensorFlow would import it."""
    return subprocess.Popen(
        [python, "-c", WITHOUT.format(without) + code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        stdout=subprocess.PIPE,  # stderr, which says where it is, is this process' own
        text=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    stdout = process.communicate()[0]
    assert process.returncode == 0
    return stdout


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> tuple[Path, Path]:
    """Two folders, each the work of one process.

    The processes differ in what may not show: the number of cores, the order of the architectures,
    the hash seed, the addresses, the folder, and one is a new Python. As both train all
    architectures, every test that uses them is marked nightly.
    """
    root = tmp_path_factory.mktemp("runs")
    x = np.random.default_rng(0).normal(size=(16, 3, 3)).astype("float32")
    np.save(root / "x.npy", x)
    first, second = root / "first", root / "second"
    params = checkout / "params.yaml"
    for folder in (first, second):
        folder.mkdir()
    processes = [
        start(TRAIN, first, params, *TRAINED, python=warm_python()),
        start(
            *(TRAIN, second, params, *TWICE),
            python=NEW_PYTHON,
            PYTHONHASHSEED="2",
            ONE_CORE="1",
        ),
    ]
    for process in processes:
        output(process)
    return first, second


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """The file of an LSTM."""
    import keras

    keras.utils.clear_session()  # its layers' names are those of a new process
    block = read_params(checkout / "params.yaml").models["lstm"] | {"units": 2}
    model = configure("lstm", block).build(3, 3)
    model.optimizer.build(model.trainable_variables)  # as training does
    path = tmp_path_factory.mktemp("untrained") / "lstm.keras"
    write_model(model, path, task("a", "b", "c"), architecture="lstm", order="forward")
    return path


@pytest.fixture
def model_path(untrained: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    path = tmp_path / "models/lstm.keras"
    path.parent.mkdir()
    shutil.copyfile(untrained, path)
    return path


@pytest.mark.nightly
@pytest.mark.parametrize("name", TWICE)
def test_two_processes_write_the_same_bytes(runs: tuple[Path, Path], name: str) -> None:
    for file in (f"models/{name}.keras", f"{name}.csv"):
        first, second = ((run / file).read_bytes() for run in runs)
        assert first == second


@pytest.mark.nightly
@pytest.mark.parametrize("name", LARGE)
def test_one_core_writes_the_same_bytes_as_all(runs: tuple[Path, Path], name: str) -> None:
    first, second = ((run / f"large/{name}.keras").read_bytes() for run in runs)
    assert first == second


@pytest.mark.nightly
@pytest.mark.parametrize("name", TRAINED)
def test_nothing_in_the_file_names_a_device(runs: tuple[Path, Path], name: str) -> None:
    import h5py

    with zipfile.ZipFile(runs[0] / f"models/{name}.keras") as archive:
        config = archive.read("config.json")
        words = [config + archive.read("metadata.json")]
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
            weights.visititems(lambda at, item: words.append(f"{at} {dict(item.attrs)}".encode()))
    assert len(words) > 2
    for word in (b"device", b"cpu", b"gpu", b"cuda"):
        assert not [text for text in words if word in text.lower()]
    # Keras would note here whether the device at hand compiles with XLA.
    assert json.loads(config)["compile_config"]["jit_compile"] == "auto"


@pytest.mark.nightly
def test_only_model_files_are_left(runs: tuple[Path, Path]) -> None:
    found = {file.name for file in (runs[0] / "models").iterdir()}
    assert found == {f"{name}.keras" for name in TRAINED}


def test_no_clock_in_the_file(model_path: Path) -> None:
    with zipfile.ZipFile(model_path) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        metadata = json.loads(archive.read("metadata.json"))
    assert metadata.pop("keras_version")[0] == "3"
    assert list(metadata) == ["date_saved", "jena_etl"]
    assert metadata["date_saved"] == "1980-01-01@00:00:00"


def test_shared_objects_are_numbered_in_order_of_appearance() -> None:
    nodes = [{"shared_object_id": address} for address in (900, 17, 900)]
    saved = json.dumps({"config": nodes, "compile_config": {}}).encode()
    config = json.loads(model_file._canonical_config(saved))["config"]
    ids = [node["shared_object_id"] for node in config]
    assert ids == [1, 2, 1]


@pytest.mark.nightly
@pytest.mark.parametrize("name", TRAINED)
def test_loaded_model_forecasts_the_same_and_can_train_on(
    runs: tuple[Path, Path], name: str
) -> None:
    model = load_model(runs[0] / f"models/{name}.keras", architecture=name)
    forecasts = model(np.load(runs[0].parent / "x.npy")).numpy()
    np.testing.assert_array_equal(forecasts, np.load(runs[0] / f"{name}.npy"))
    with (runs[0] / f"{name}.csv").open() as history:
        losses = [float(row["val_loss"]) for row in csv.DictReader(history)]
    assert int(model.optimizer.iterations) == STEPS * (losses.index(min(losses)) + 1)


@pytest.mark.nightly
def test_keras_loads_it_without_this_package(runs: tuple[Path, Path]) -> None:
    output(start(LOAD_ELSEWHERE, runs[0], *TRAINED, python=warm_python()))
    for name in TRAINED:
        forecasts = np.load(runs[0] / f"{name}.elsewhere.npy")
        np.testing.assert_array_equal(forecasts, np.load(runs[0] / f"{name}.npy"))


@pytest.mark.nightly
def test_every_kind_of_layer_trains_under_jax_without_tensorflow(
    tmp_path: Path, checkout: Path
) -> None:
    """Its file, loaded here under TensorFlow, forecasts what the jax backend forecasts."""
    if not find_spec("jax"):
        pytest.skip("Keras' jax backend is not installed")
    x = np.random.default_rng(0).normal(size=(16, 3, 3)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    folder = tmp_path / "jax"
    folder.mkdir()
    jax = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # or it compiles for long
    params = checkout / "params.yaml"
    output(start(TRAIN, folder, params, *TRAINED, python=NEW_PYTHON, without="tensorflow", **jax))
    for name in TRAINED:
        model = load_model(folder / f"models/{name}.keras", architecture=name)
        np.testing.assert_allclose(model(x).numpy(), np.load(folder / f"{name}.npy"), atol=1e-5)


def test_short_memory_does_not_change_the_bytes(
    untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(untrained, architecture="lstm")
    write_model(model, tmp_path / "plenty.keras", task("a"), architecture="lstm", order="forward")
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=0))
    write_model(model, tmp_path / "short.keras", task("a"), architecture="lstm", order="forward")
    assert (tmp_path / "plenty.keras").read_bytes() == (tmp_path / "short.keras").read_bytes()


def test_the_file_says_how_to_forecast_with_it(model_path: Path) -> None:
    with zipfile.ZipFile(model_path) as archive:
        metadata = json.loads(archive.read("metadata.json"))["jena_etl"]
    layers = metadata.pop("layers")
    assert metadata == {
        "columns": ["a", "b", "c"],
        "units": ["unit of a", "unit of b", "unit of c"],
        "mean": [0.0, 1.0, 2.0],
        "std": [1.0, 2.0, 3.0],
        "step_seconds": 600,
        "sequence_length": 3,
        "sampling_rate": 1,
        "horizon": 1,
        "target": "a",
        "target_unit": "unit of a",
        "climate_sha256": "c" * 64,
        "architecture": "lstm",
        "order": "forward",
        "trainable_parameters": LSTM + 3,
    }
    first, *others = layers
    assert first == {
        "name": "input_layer",
        "class_name": "InputLayer",
        "output_shape": [None, 3, 3],
        "parameters": 0,
        "inputs": [],
    }
    assert [(layer["name"], layer["inputs"]) for layer in others] == [
        ("lstm", ["input_layer"]),
        ("dense", ["lstm"]),
    ]


# The layers of each architecture: class, output shape without the batch, and parameters.
HEAD = ("Dense", (1,), 3)
LAYERS = {
    "dense": [("Flatten", (9,), 0), ("Dense", (2,), 9 * 2 + 2), HEAD],
    "conv1d": [
        ("Conv1D", (2, 2), 2 * 3 * 2 + 2),
        ("MaxPooling1D", (1, 2), 0),
        ("Conv1D", (1, 2), 1 * 2 * 2 + 2),
        ("GlobalAveragePooling1D", (2,), 0),
        HEAD,
    ],
    "bidirectional_lstm": [("Bidirectional(LSTM)", (4,), 2 * LSTM), ("Dense", (1,), 5)],
    "lstm_dropout": [("LSTM", (2,), LSTM), ("Dropout", (2,), 0), HEAD],
}


@pytest.mark.nightly
@pytest.mark.parametrize("name", LAYERS)
def test_layers(runs: tuple[Path, Path], name: str) -> None:
    first, *layers = read_metadata(runs[0] / f"models/{name}.keras").layers
    found = [(layer.class_name, layer.output_shape[1:], layer.parameters) for layer in layers]
    assert found == LAYERS[name]
    assert {layer.output_shape[0] for layer in layers} == {None}
    assert [layer.inputs for layer in layers] == [(layer.name,) for layer in (first, *layers[:-1])]


def test_layers_that_read_several_others() -> None:
    import keras

    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    both = keras.layers.Concatenate(name="both")([right, left])
    layers = {layer.name: layer for layer in layers_of(keras.Model([left, right], both))}
    assert layers["both"] == Layer(
        name="both",
        class_name="Concatenate",
        output_shape=(None, 4),
        parameters=0,
        inputs=("right", "left"),
    )


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_parameters(runs: tuple[Path, Path], name: str, parameters: int) -> None:
    metadata = read_metadata(runs[0] / f"models/{name}.keras")
    assert (metadata.architecture, metadata.order) == (name, "forward")
    assert metadata.trainable_parameters == parameters
    assert sum(layer.parameters for layer in metadata.layers) == parameters  # none is fixed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda block: block.pop("columns"), "(columns in its metadata.json: Field required)"),
        (lambda block: block["mean"].pop(), "mean has 2 entries for 3 columns)"),
        (lambda block: block.update(target="d"), "the target 'd' is not one of the columns)"),
        (lambda block: block.update(std=[1.0, 0.0, 1.0]), "(std.1 in its metadata.json: Input sh"),
    ],
)
def test_a_file_of_another_version_says_how_to_train_it_again(
    model_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    members = model_file._read_members(model_path)
    metadata = json.loads(members["metadata.json"])
    change(metadata["jena_etl"])
    with zipfile.ZipFile(model_path, "w") as archive:
        for name, content in (members | {"metadata.json": json.dumps(metadata)}).items():
            archive.writestr(name, content)
    text = refusal(model_path)
    assert text.startswith("models/lstm.keras was written by another version of this package (")
    assert message in text
    assert text.endswith("; build the model again: dvc repro -f train@lstm")


def test_metadata_needs_neither_keras_nor_tensorflow(model_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from jena_etl.training.model_file import read_metadata\n"
        "read_metadata(Path(sys.argv[1])); print(sorted({'keras', 'tensorflow'} & {*sys.modules}))"
    )
    assert output(start(code, model_path, python=NEW_PYTHON)) == "[]\n"


def test_failed_write_leaves_the_old_file_alone(model_path: Path) -> None:
    before = model_path.read_bytes()

    def save(folder: str, **_: Any) -> None:
        Path(folder, "config.json").write_text("{")
        raise OSError(28, "No space left on device")

    model = load_model(model_path, architecture="lstm")
    model.save = save
    with pytest.raises(ProjectError, match="No space left"):
        write_model(model, model_path, task("a"), architecture="lstm", order="forward")
    assert model_path.read_bytes() == before
    assert list(model_path.parent.iterdir()) == [model_path]


def refusal(path: Path, architecture: str = "lstm") -> str:
    with pytest.raises(TrainingError) as caught:
        load_model(path, architecture=architecture)
    return str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "models/lstm.keras") == (
        "models/lstm.keras does not exist; restore it: dvc checkout models/lstm.keras; "
        "or build it: dvc repro train@lstm"
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
        "build the model again: dvc repro -f train@lstm"
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
        "build the model again: dvc repro -f train@lstm"
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
    write_model(model, path, task("a"), architecture="doubled", order="forward")
    assert refusal(path, "doubled") == (
        "Keras' safe mode refuses models/doubled.keras: Requested the deserialization of a "
        "`Lambda` layer whose `function` is a Python lambda. Expected Keras' own layers and no "
        "Lambda; remove it from the architecture, then build the model again: dvc repro -f "
        "train@doubled"
    )
