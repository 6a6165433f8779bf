from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import jena_etl
from jena_etl.ingest.jena import JENA_COLUMNS
from jena_etl.ingest.synthetic import MEMBER, write_synthetic
from tests.command_line import jena_etl as run
from tests.pipeline.repository import Repo
from tests.warm_python import warm_python


def started(
    *arguments: object, python: str | Path = sys.executable
) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own."""
    command = [python, "-c", "from jena_etl.cli import run; run()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A project up to its arrays, on 4,000 synthetic rows, with short windows."""
    root = tmp_path_factory.mktemp("project")
    write_synthetic(root / "station.zip", rows=4_000, seed=3)
    shutil.copytree(checkout / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(checkout / "pipeline", root / "pipeline")
    params = YAML().load(checkout / "params.yaml")
    params["download"].update(url="station.zip", bytes=None)
    params["window"].update(sequence_length=12)
    YAML().dump(params, root / "params.yaml")
    for stage in ("download", "convert", "features", "statistics", "splits", "arrays"):
        Repo(root).stage(stage)
    return root


def test_version_and_help() -> None:
    assert started("--version").stdout == f"jena-etl {jena_etl.__version__}\n"
    shown = run("--help").stdout
    assert "Show the version." in shown
    for command in ("doctor", "inspect", "forecast", "export", "peek", "synth", "demo"):
        assert command in shown


def test_inspect_shows_counts_worked_out_by_hand(project: Path) -> None:
    shown = json.loads(run("inspect", project, "--json").stdout)
    assert shown["data"]["source"]["synthetic"] is True
    assert shown["data"]["rows"] == 4_000
    assert shown["data"]["step_seconds"] == 600
    assert shown["window"]["last_input_offset"] == 6 * 11
    assert shown["window"]["target_offset"] == 6 * (12 + 24 - 1)
    assert shown["window"]["features_shape"] == [256, 12, 14]
    # reference: 2,000 - 66; 1,000 - 66; and the test split ends 210 rows before the series does.
    assert {name: split["windows"] for name, split in shown["splits"].items()} == {
        "train": 1_934,
        "validation": 934,
        "test": 1_000 - 210 - 66,
    }
    assert [split["batches"] for split in shown["splits"].values()] == [8, 4, 3]
    assert list(shown["missing"]) == ["models"]
    assert "not trained yet: dense, conv1d, " in shown["missing"]["models"]
    assert "one alone: dvc repro train@dense" in shown["missing"]["models"]


def test_inspect_in_words(project: Path) -> None:
    shown = run("inspect", project).stdout
    for part in (
        "station.zip: SYNTHETIC data",
        "4,000 rows from 2009-01-01 00:10 to 2009-01-28 18:40, one every 10 minutes",
        "[2,000, 3,000)",
        "reference   keep           1,934         934         724  in force",
        "window: 12 inputs, one every hour (12 hours); target T (degC), 1 day after",
        "+210",
        "features (256, 12, 14), targets (256,)",
        "train: dvc repro (one alone: dvc repro train@dense)",
    ):
        assert part in shown


@pytest.mark.slow
def test_inspect_models_is_quiet_json(tmp_path: Path, checkout: Path) -> None:
    """The folder needs no more than its params.yaml; TensorFlow's notes stay off stderr."""
    params = YAML().load(checkout / "params.yaml")
    params.update(architectures=["lstm"], models={"lstm": params["models"]["lstm"]})
    YAML().dump(params, tmp_path / "params.yaml")
    done = started("inspect", tmp_path, "--models", "--json")
    assert done.stderr == ""
    lstm = json.loads(done.stdout)["models"]["lstm"]
    assert lstm["trainable_parameters"] == 4 * (14 * 16 + 16 * 16 + 16) + 17
    assert lstm["layers"][0] == {
        "layer": "LSTM",
        "output_shape": [None, 16],
        "fast_path": True,
        "why_not": [],
    }


def test_inspect_of_a_bare_checkout_names_the_next_commands(tmp_path: Path, checkout: Path) -> None:
    shutil.copyfile(checkout / "params.yaml", tmp_path / "params.yaml")
    done = run("inspect", tmp_path)
    assert done.returncode == 0
    assert "data_card.json is not built yet; build it: dvc repro splits" in done.stdout
    assert json.loads(run("inspect", tmp_path, "--json").stdout)["splits"] is None


def faulty(folder: Path) -> None:
    """The station's file with 3 sentinel winds, an absurd one, a hole and a repeat, by hand."""
    write_synthetic(folder / "station.zip", rows=4_000, seed=3, replace=True)
    with zipfile.ZipFile(folder / "station.zip") as archive:
        lines = archive.read(MEMBER).decode().splitlines()
    for row, wind in {100: "-9999", 2_500: "-9999", 2_501: "-9999", 3_500: "99"}.items():
        cells = lines[1 + row].split(",")
        cells[1 + JENA_COLUMNS.index("wv (m/s)")] = wind
        lines[1 + row] = ",".join(cells)
    lines[1 + 1_000 : 1 + 1_000] = [lines[1 + 999]]
    del lines[1 + 2_101]
    with zipfile.ZipFile(folder / "station.zip", "w") as archive:
        archive.writestr(MEMBER, "\n".join(lines))


def test_inspect_tells_what_is_wrong_and_where(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "faulty"
    shutil.copytree(project, root)
    faulty(root)
    for stage in ("download", "convert", "features", "statistics", "splits"):
        Repo(root).stage(stage)
    shown = run("inspect", root).stdout
    # An input is read by 12 windows; two neighbours by 24, all in the validation split.
    for part in (
        "holes 1        20 minutes after 2009-01-15 14:00, validation",
        "timestamps logged before, 2009-01-07 22:40 to 2009-01-07 22:40, kept: train 1",
        "  wv (m/s): sentinel, filled, 2009-01-01 16:50 to 2009-01-18 09:00",
        "train               1         12\n",
        "validation          2         24\n",
        "values in doubt (a warning; nothing is changed)",
        "wv (m/s): 1 outside 0 to 75, first 2009-01-25 07:30; test 1",
        "reference      4,000       1,934         934         724\n",
    ):
        assert part in shown
    found = json.loads(run("inspect", root, "--json").stdout)["data"]
    assert found["findings"][0]["splits"]["test"] == {"cells": 0, "windows": 0}
    assert found["presets"]["clean"]["rows"] == 3_999


def frozen(folder: Path) -> None:
    """The station's file with 300 rows, 10 % of them train's, in which the wind has two values."""
    with zipfile.ZipFile(folder / "station.zip") as archive:
        lines = archive.read(MEMBER).decode().splitlines()
    at = 1 + JENA_COLUMNS.index("wv (m/s)")
    for row in range(1_800, 2_100):
        cells = lines[1 + row].split(",")
        cells[at] = "3.317" if row % 7 else "3.304"  # as no other row
        lines[1 + row] = ",".join(cells)
    with zipfile.ZipFile(folder / "station.zip", "w") as archive:
        archive.writestr(MEMBER, "\n".join(lines))


def test_a_frozen_sensor_is_a_warning_or_missing_cells(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "frozen"
    shutil.copytree(project, root)
    frozen(root)
    shown = {}
    for how in ("keep", "missing"):
        params = YAML().load(root / "params.yaml")
        params["convert"].update(on_frozen=how, on_missing="fill_forward")
        YAML().dump(params, root / "params.yaml")
        for stage in ("download", "convert", "features", "statistics", "splits"):
            Repo(root).stage(stage)
        shown[how] = run("inspect", root).stdout
    period = "2009-01-13 12:10 to 2009-01-15 14:00"  # row 1,800 is 12 days and 12 hours after row 0
    assert f"  wv (m/s), {period}: hardly changes, 2 different values in 300 rows" in shown["keep"]
    assert f"  wv (m/s): frozen, filled, {period}" in shown["missing"]
    assert "sensors in doubt" not in shown["missing"]
    # Train ends with row 1,999 and its last window starts in row 1,933; windows start in 1,734 or
    # later if they read row 1,800, their inputs being 66 rows long. Validation's start in 2,000.
    for text in shown.values():
        assert "train             200        200\n" in text
        assert "validation        100        100\n" in text


def test_inspect_says_when_params_have_moved_on(project: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(project, moved)
    params = YAML().load(moved / "params.yaml")
    params["window"]["horizon"] = 12
    YAML().dump(params, moved / "params.yaml")
    shown = json.loads(run("inspect", moved, "--json").stdout)
    assert shown["window"]["horizon"] == 24
    assert "dvc repro splits" in shown["missing"]["splits"]
    assert "features" not in shown["missing"]


def test_inspect_says_when_features_have_been_added(project: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(project, moved)
    params = YAML().load(moved / "params.yaml")
    params["features"] = [{"kind": "time_of_day"}]
    YAML().dump(params, moved / "params.yaml")
    shown = json.loads(run("inspect", moved, "--json").stdout)
    assert shown["missing"]["features"] == (
        "params.yaml names other features than were computed; update: dvc repro splits arrays"
    )
    assert shown["window"]["features_shape"] == [256, 12, 16]
    assert len(shown["columns"]) == 14  # it describes the measurements


def test_inspect_starts_neither_tensorflow_nor_polars(project: Path) -> None:
    code = (
        "import sys; from jena_etl.cli import app\n"
        f"try: app(['inspect', {str(project)!r}])\n"
        "except SystemExit: print([m for m in ('tensorflow', 'polars') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("doctor", "nowhere"), "error: nowhere is not a jena-etl project"),
        (("inspect", "nowhere"), "error: nowhere is not a jena-etl project"),
        (("peek", "nowhere.csv"), "error: nowhere.csv does not exist"),
        (("peek", "."), "is a folder, expected a .csv"),
        (("synth", "x.zip", "--rows", "0", "--seed", "1"), "Invalid value for '--rows'"),
        (("synth", "x.zip", "--rows", "1"), "Missing option '--seed'"),
        (("synth", "x.zip", "--rows", "99999999999", "--seed", "1"), "a hundred years"),
        (("inspekt",), "No such command 'inspekt'"),
    ],
)
def test_a_mistake_is_short_and_exits_with_2(
    arguments: tuple[str, ...], part: str, tmp_path: Path
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_command_finds_the_project_that_the_folder_lies_in(project: Path) -> None:
    inner = project / "data/processed"
    assert run("inspect", "--json", cwd=inner).stdout == run("inspect", project, "--json").stdout
    assert run("inspect", "--json", cwd=project).returncode == 0


@pytest.mark.parametrize("command", ["inspect", "doctor"])
def test_outside_a_project_a_command_says_so(command: str, tmp_path: Path) -> None:
    done = run(command, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {tmp_path} is not in a jena-etl project: neither it nor any folder "
        "above it has a params.yaml; change to a project folder, or name one\n"
    )


@pytest.mark.parametrize("name", ["data/processed/splits.json", "reports/data_card.json"])
def test_a_folder_in_place_of_a_file_is_a_line(name: str, project: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(project, root)
    (root / name).unlink()
    (root / name).mkdir()
    done = run("inspect", root)
    assert done.returncode == 2
    assert done.stderr.endswith(f"{name}: Is a directory; put that right, then try again\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "name", ["occupied", pytest.param("occupied/demo", marks=pytest.mark.slow)]
)
def test_a_demo_where_a_file_is_is_a_line(name: str, tmp_path: Path, checkout: Path) -> None:
    (tmp_path / "occupied").write_text("keep")
    done = run("demo", "--dir", tmp_path / name, cwd=checkout)
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert (tmp_path / "occupied").read_text() == "keep"


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = started("--debug", "inspect", tmp_path / "nowhere", python=warm_python())
    assert "Traceback" in done.stderr


def test_peek_prints_the_blocks_and_nothing_else(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "station.zip", rows=2_000, seed=3)
    done = run("peek", tmp_path / "station.zip")
    assert done.returncode == 0
    assert f"jena-etl peek {tmp_path}/station.zip --write; then: dvc repro" in done.stderr
    blocks = YAML(typ="safe", pure=True).load(done.stdout)
    assert list(blocks) == ["convert", "window"]
    assert blocks["window"]["sampling_rate"] == 6
    assert "NO WINDOW in validation and test" in done.stdout


def test_peek_writes_into_the_project_that_it_is_called_in(tmp_path: Path, checkout: Path) -> None:
    write_synthetic(tmp_path / "station.zip", rows=6_000, seed=3)
    refused = run("peek", "station.zip", "--write", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is not in a jena-etl project" in refused.stderr
    shutil.copy(checkout / "params.yaml", tmp_path)
    done = run("peek", "station.zip", "--write", cwd=tmp_path)
    assert done.returncode == 0
    assert "changed in params.yaml:\n  download.url: station.zip\n" in done.stderr
    assert done.stderr.endswith("next: dvc repro\n")
    assert "# 6 x 10 minutes: inputs are an hour apart" in done.stdout
    assert "url: station.zip\n" in (tmp_path / "params.yaml").read_text()


def test_synth_writes_the_same_bytes_and_replaces_a_file_with_force_alone(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        assert run("synth", tmp_path / name, "--rows", "50", "--seed", "7").returncode == 0
    once = (tmp_path / "a.zip").read_bytes()
    assert (tmp_path / "b.zip").read_bytes() == once
    again = ("synth", tmp_path / "a.zip", "--rows", "50", "--seed", "8")
    done = run(*again)
    assert (done.returncode, "a.zip exists already" in done.stderr) == (2, True)
    assert (tmp_path / "a.zip").read_bytes() == once
    assert run(*again, "--force").returncode == 0
    assert (tmp_path / "a.zip").read_bytes() != once


def test_demo_leaves_other_peoples_folders_alone(tmp_path: Path, checkout: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    done = run("demo", "--dir", tmp_path, cwd=checkout)
    assert done.returncode == 2
    assert "holds something other than a demo" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
