"""One forecast: what is printed, as text and as JSON, and what is refused before TensorFlow."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from jena_etl.cli import app
from jena_etl.commands.chart import HEIGHT, WIDTH, Mark, chart
from jena_etl.errors import JenaEtlError, ParamsError, ProjectError
from jena_etl.evaluation import leaderboard
from jena_etl.evaluation.prediction_intervals import conformal_quantiles
from jena_etl.evaluation.predictions import BASELINES
from jena_etl.ingest.convert import convert
from jena_etl.params import read_params
from jena_etl.prepare.climate import read_climate
from jena_etl.prepare.outputs import BySplit, SplitRange, Splits, WindowShape
from jena_etl.project import Project
from tests.forecasting.models import COLUMNS, forecaster, metadata, write_model_file

STEPS = 6 * 24 * 2  # two days
LEAD = 4  # rows from the issue time to the target
HEADER = "Date Time," + ",".join(COLUMNS)


def csv_of(rows: range, year: int = 2016) -> str:
    """One row every ten minutes from new year on: T = 20 - k / 100, p = 1000, rh = 50."""
    clock = np.datetime64(f"{year}-01-01T00:00") + np.array(rows) * np.timedelta64(10, "m")
    lines = [
        f"{moment.item():%d.%m.%Y %H:%M:%S},1000.0,{20 - row / 100:.2f},50.0"
        for row, moment in zip(rows, clock, strict=True)
    ]
    return "\n".join([HEADER, *lines]) + "\n"


@pytest.fixture
def project(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a model `dense`, which forecasts 1 degC less than now, and `lstm`, 2 less."""
    project = Project(tmp_path)
    params = YAML().load(checkout / "params.yaml")
    params["convert"].update(columns=list(COLUMNS), members=None)
    params["window"].update(sequence_length=3, sampling_rate=2, horizon=2)
    YAML().dump(params, project.params_yaml)
    source = tmp_path / "station.csv"
    source.write_text(csv_of(range(STEPS)))
    project.climate_parquet.parent.mkdir(parents=True)
    outs = project.climate_parquet, project.findings_parquet
    options = read_params(project.params_yaml).convert
    convert([source], *outs, options).source.write(project.source_json)
    climate = read_climate(project.climate_parquet)
    borders = {"train": range(144), "validation": range(144, 216), "test": range(216, STEPS)}
    Splits(
        climate_sha256=climate.sha256,
        rows=STEPS,
        policy="reference",
        gaps="keep",
        target="T (degC)",
        window=WindowShape(sequence_length=3, sampling_rate=2, horizon=2, sequence_stride=1),
        splits=BySplit[SplitRange](
            **{
                name: SplitRange(
                    rows=rows,
                    first=str(climate.timestamps[rows.start]),
                    last=str(climate.timestamps[rows.stop - 1]),
                    windows=0,
                    left_out=0,
                    starts=(),
                )
                for name, rows in borders.items()
            }
        ),
        choices=(),
    ).write(project.splits_json)
    models = {"dense": 1, "lstm": 2}
    residuals = conformal_quantiles(np.array([-4.0, -3, -2, -1, 0.5, 1, 2, 3, 4]), None)
    for name in models:
        found = metadata(architecture=name, climate_sha256=climate.sha256)
        write_model_file(project.model_file(name), found)
    ranking(project, "lstm", "dense", "naive")

    def less(_: Project, name: str) -> Any:
        return replace(
            forecaster(lambda windows: windows[:, -1, 1] * 4 + 10 - models[name]),
            residuals=residuals if name == "lstm" else None,
        )

    monkeypatch.setattr(Project, "forecaster", less)
    monkeypatch.setattr("jena_etl.commands.forecast.use_device", lambda *_, **__: "cpu")
    monkeypatch.chdir(tmp_path)
    return project


def ranking(project: Project, *names: str) -> None:
    """A leaderboard of these, of which one that begins with `ensemble` is one."""
    project.leaderboard_csv.parent.mkdir(exist_ok=True)
    kinds = [
        "baseline" if n in BASELINES else "ensemble" if n.startswith("ensemble") else "model"
        for n in names
    ]
    rows = [f"{rank},{names[rank - 1]},{kind}" for rank, kind in enumerate(kinds, start=1)]
    empty = "," * (len(leaderboard.COLUMNS) - 3)
    lines = [",".join(leaderboard.COLUMNS), *(row + empty for row in rows)]
    project.leaderboard_csv.write_text("\n".join(lines) + "\n")


def run(*arguments: object) -> tuple[dict[str, Any], str]:
    """The object that --json prints, and what went to stderr."""
    done = CliRunner().invoke(app, ["forecast", "--json", *map(str, arguments)])
    if done.exception:
        raise done.exception
    return json.loads(done.stdout), done.stderr


def test_from_the_last_row_by_the_best_model(project: Project) -> None:
    last = 20 - (STEPS - 1) / 100
    assert run() == (
        {
            "model": "lstm",
            "source": "station.csv",
            "split": "test",
            "issued": "2016-01-02T23:50:00",
            "timestamp": "2016-01-03T00:30:00",
            "target": "T (degC)",
            "unit": "degC",
            "forecast": pytest.approx(last - 2, abs=1e-5),
            "quantiles": {
                "q10": pytest.approx(last - 2 - 4, abs=1e-5),
                "q50": pytest.approx(last - 2 + 0.5, abs=1e-5),
                "q90": pytest.approx(last - 2 + 4, abs=1e-5),
            },
            "naive": last,
            "observed": None,
            "warnings": [],
        },
        "",
    )
    assert project.trained_model("best") == "lstm"


@pytest.mark.usefixtures("project")
def test_from_an_earlier_row_by_another_model() -> None:
    found, _ = run("--model", "dense", "--at", "2016-01-02 06:00")  # row 180
    assert (found["model"], found["split"]) == ("dense", "validation")
    assert found["forecast"] == pytest.approx(20 - 1.80 - 1, abs=1e-5)
    assert found["naive"] == 18.2
    assert found["observed"] == pytest.approx(20 - (180 + LEAD) / 100)


@pytest.mark.usefixtures("project")
def test_a_model_whose_errors_are_not_known_says_what_is_needed() -> None:
    found, err = run("--model", "dense")
    assert found["quantiles"] is None
    assert err == (
        "warning: no prediction interval: the errors of dense.keras are not known; in its project, "
        "build prediction_intervals.json: dvc repro evaluate; elsewhere, put that file, which is "
        "fetched as prediction-intervals, beside the model\n"
    )


@pytest.mark.usefixtures("project")
def test_a_forecast_issued_in_the_train_split_says_so() -> None:
    found, err = run("--at", "2016-01-01T12:00")
    assert found["split"] == "train"
    assert (
        err == "warning: the issue time lies in the train split, which the model has learnt from\n"
    )


def test_a_model_of_another_series_has_no_split(project: Project) -> None:
    write_model_file(project.model_file("lstm"), metadata(architecture="lstm"))
    assert run("--at", "2016-01-01T12:00")[0]["split"] is None


def test_models_that_the_naive_forecast_beats_are_said_to_be(project: Project) -> None:
    ranking(project, "naive", "lstm", "dense")
    found, err = run()
    assert found["model"] == "lstm"
    assert (
        err == "warning: on the validation split, the naive forecast is better than every model\n"
    )


def test_an_ensemble_does_not_make_its_members_better_than_naive(project: Project) -> None:
    ranking(project, "ensemble", "naive", "lstm", "dense")
    found, err = run()
    assert found["model"] == "lstm"
    assert err.startswith("warning: on the validation split, the naive forecast is better than ")


def test_from_a_newer_export(project: Project) -> None:
    lines = csv_of(range(50), year=2017).replace("19.90", "-9999")  # row 10
    (project.root / "new.csv").write_text(lines)
    found, err = run("--source", "new.csv")
    assert (found["source"], found["split"]) == ("new.csv", None)
    assert found["issued"] == "2017-01-01T08:10:00"
    assert found["naive"] == pytest.approx(20 - 49 / 100)
    assert len(found["warnings"]) == 1
    assert err.startswith("warning: T (degC), sentinel: 1, 2017-01-01T01:40:00 to ")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("text", ["yesterday", "2016-13-01", "2016-01-01T12:00+01:00", ""])
def test_what_is_not_a_time(text: str) -> None:
    with pytest.raises(JenaEtlError, match="is not a timestamp of the station's clock; write one"):
        run("--at", text)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lstn", "there is no model 'lstn'; did you mean 'lstm'?"),
        ("../lstm", "there is no model '../lstm'; did you mean 'lstm'?"),
        ("naive", "naive is not a model that is loaded; every forecaster gives the naive forecast"),
    ],
)
def test_a_model_that_does_not_exist(name: str, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        run("--model", name)
    assert message in str(caught.value)


@pytest.mark.usefixtures("project")
def test_a_model_that_is_not_trained() -> None:
    with pytest.raises(
        JenaEtlError, match=r"conv1d.keras does not exist; .* dvc repro train@conv1d"
    ):
        run("--model", "conv1d")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "leaderboard.csv is not built yet; build it: dvc"),
        ("", "is damaged"),
        ("a\n1", "is d"),
    ],
)
def test_without_a_leaderboard_nobody_knows_the_best(
    project: Project, content: str | None, message: str
) -> None:
    if content is None:
        project.leaderboard_csv.unlink()
    else:
        project.leaderboard_csv.write_text(content)
    with pytest.raises(ProjectError, match=message):
        run()


def test_a_damaged_params_file_is_refused(project: Project) -> None:
    shutil.copy(project.leaderboard_csv, project.params_yaml)
    with pytest.raises(ParamsError):
        run("--source", "station.csv")


@pytest.mark.usefixtures("project")
def test_in_words() -> None:
    done = CliRunner().invoke(app, ["forecast", "--at", "2016-01-02 06:00"])
    lines = done.stdout.splitlines()
    assert lines[:6] == [
        "T (degC) on 2016-01-02 06:40, 40 minutes after 2016-01-02 06:00",
        "  from station.csv, by lstm",
        "",
        "  forecast  16.20 degC, 80% interval 12.20 to 20.20",
        "  naive     18.20 degC",
        "  observed  18.16 degC",
    ]
    assert "2016-01-01 06:10" in lines[-2]  # the first of the last 24 hours
    drawn = lines[-1].split()
    assert drawn[::2] == ["•", "┊", "○", "◇", "◆"]
    assert drawn[1::2] == ["past", "interval", "observed", "naive", "forecast"]
    assert sum(line.endswith(("┊", "○", "◇", "◆")) for line in lines[7:-3]) == HEIGHT


def marks() -> list[Mark]:
    clock = np.datetime64("2016-01-01T00:00:00") + np.arange(WIDTH) * np.timedelta64(10, "m")
    return [
        Mark("past", clock[:3], np.array([0.0, 5.5, 11.0])),
        Mark("forecast", clock[-1:], np.array([11.0])),
    ]


def test_a_point_lies_where_its_time_and_value_are() -> None:
    lines = chart(marks(), "utf-8").splitlines()
    at = {
        (column - 11, row)
        for row, line in enumerate(lines[:HEIGHT])
        for column, character in enumerate(line)
        if character in "•◆"
    }
    assert at == {(0, HEIGHT - 1), (1, 6), (2, 0), (WIDTH - 1, 0)}
    assert lines[0].startswith("       11 │")
    assert lines[HEIGHT - 1].startswith("        0 │•")
    assert lines[HEIGHT + 1].split() == ["2016-01-01", "00:00", "2016-01-01", "10:00"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "no such encoding", None])
def test_a_terminal_that_cannot_show_the_characters_gets_others(encoding: str | None) -> None:
    text = chart(marks(), encoding)
    assert text.isascii()
    assert "* past   F forecast" in text
    assert text.splitlines()[0].endswith("F")


def test_a_value_that_never_changes_is_drawn() -> None:
    mark = Mark("past", np.array(["2016-01-01"], dtype="datetime64[s]"), np.array([3.0]))
    assert "3 │•" in chart([mark], "utf-8")
