"""`jena-etl peek FILE --write`: what it changes in params.yaml, and what it refuses."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from jena_etl.commands.peek import peek
from jena_etl.commands.peek_write import split_in_force, write_guess
from jena_etl.errors import ParamsError, ProjectError
from jena_etl.files import sha256_of
from jena_etl.ingest.synthetic import write_synthetic
from jena_etl.params import Split, read_params
from jena_etl.project import Project, open_project

GERMAN = "Zeit;Luftdruck [hPa];T (degC)\n" + "".join(
    f"{1 + row // 144:02}.01.2021 {row // 6 % 24:02}:{row % 6}0;{990 + row % 9},5;{row % 7},0\n"
    for row in range(31 * 144)
)


@pytest.fixture
def project(tmp_path: Path, checkout: Path) -> Project:
    root = tmp_path / "project"
    (root / "data/raw").mkdir(parents=True)
    (root / "params.yaml").write_bytes((checkout / "params.yaml").read_bytes())
    return open_project(root)


@pytest.fixture
def station(project: Project) -> Path:
    file = project.root / "data/raw/station.csv"
    file.write_bytes(GERMAN.encode("latin-1"))
    return file


def test_params_yaml_holds_the_file_and_its_blocks(project: Project, station: Path) -> None:
    guess = peek(station)
    changes = write_guess(guess, station, project)
    params = read_params(project.params_yaml)
    assert (params.convert, params.window) == (guess.convert, guess.window)
    [source] = params.download.files
    assert source.url == "data/raw/station.csv"
    assert source.bytes == len(GERMAN)
    assert source.sha256 == sha256_of(station)
    said = "\n".join(changes)
    assert "download.url: data/raw/station.csv" in said
    assert "keras-datasets" not in said  # an old address may hold a token
    assert "convert.separator: , -> ;" in said
    assert "convert.decimal: . -> ," in said
    assert "convert.columns: with Luftdruck [hPa]; without p (mbar), Tpot (K)," in said
    assert "convert.units: none -> Luftdruck [hPa]: hPa" in said
    assert "window.horizon" not in said  # 24, as before
    assert write_guess(guess, station, project) == []


def test_comments_stay_and_the_form_is_dvcs(project: Project, station: Path) -> None:
    before = project.params_yaml.read_text()
    write_guess(peek(station), station, project)
    written = project.params_yaml.read_text()
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in written.splitlines() if "#" in line] == comments
    kept = written[written.index("\nsplit:") : written.index("\nwindow:")]
    assert kept in before  # the other blocks, letter by letter
    assert written[written.index("\ntrain:") : written.index("\nreport:")] in before
    assert written[written.index("\narchitectures:") :] in before
    report = read_params(project.params_yaml).report
    assert (report.label, report.credit) == (None, None)  # nobody else is credited for it
    apply_overrides(project.params_yaml, ["window.horizon=12"])
    again = project.params_yaml.read_text()
    lines = difflib.ndiff(written.splitlines(), again.splitlines())
    assert [line[0] for line in lines if line[0] in "-+"] == ["-", "+"]


def test_paths_say_where_the_file_is_from_the_project(
    project: Project, station: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def url_of(file: Path) -> str:
        write_guess(peek(file), file, project)
        return read_params(project.params_yaml).download.url[0]

    monkeypatch.chdir(station.parent)
    assert url_of(Path("station.csv")) == "data/raw/station.csv"
    outside = station.rename(tmp_path / "mine.csv")
    assert url_of(Path("../../../mine.csv")) == "../mine.csv"
    assert url_of(outside) == str(outside)
    odd = outside.rename(project.root / "a:b.csv")  # else a: would be a scheme
    assert url_of(odd) == "./a:b.csv"


def test_a_file_of_the_download_stage_is_refused(project: Project, station: Path) -> None:
    project.downloads.mkdir()
    before = project.params_yaml.read_bytes()
    file = station.rename(project.downloads / "station.csv")
    with pytest.raises(ProjectError, match=r"the download stage's own folder; move it to data/raw"):
        write_guess(peek(file), file, project)
    assert project.params_yaml.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed: 0", "seed: none", "seed: input should be a valid integer"),
        ("seed: 0", "seed: [", "params.yaml is not YAML"),
    ],
)
def test_a_mistake_elsewhere_is_named_and_nothing_is_written(
    project: Project, station: Path, old: str, new: str, said: str
) -> None:
    broken = project.params_yaml.read_text().replace(old, new, 1)
    project.params_yaml.write_text(broken)
    with pytest.raises(ParamsError, match=said):
        write_guess(peek(station), station, project)
    assert project.params_yaml.read_text() == broken
    assert sorted(path.name for path in project.root.iterdir()) == ["data", "params.yaml"]


def test_a_block_that_was_broken_is_replaced(project: Project, station: Path) -> None:
    text = project.params_yaml.read_text()
    start, end = text.index("\nconvert:"), text.index("\nfeatures:")
    project.params_yaml.write_text(text[:start] + "\nconvert: 3\n" + text[end:])
    write_guess(peek(station), station, project)
    assert read_params(project.params_yaml).convert.separator == ";"


def test_the_splits_are_the_projects(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = project.params_yaml.read_text()
    project.params_yaml.write_text(text.replace("policy: reference", "policy: lookback"))
    monkeypatch.chdir(project.root / "data")
    assert split_in_force() == Split(train=0.5, validation=0.25, dates=(), policy="lookback")
    project.params_yaml.write_text("seed: [")
    assert split_in_force().policy == "reference"
    monkeypatch.chdir(tmp_path)
    assert split_in_force().policy == "reference"


def test_a_synthetic_zip_leaves_the_committed_blocks(project: Project, checkout: Path) -> None:
    file = project.root / "synthetic.zip"
    write_synthetic(file, rows=5_000, seed=1)
    write_guess(peek(file), file, project)
    ours, committed = (read_params(at) for at in (project.params_yaml, checkout / "params.yaml"))
    assert ours.convert == committed.convert
    assert ours.window == committed.window
