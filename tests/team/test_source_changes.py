"""The station's file changes upstream, or grows: what was built from the old one comes back."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

from jena_etl.files import sha256_of
from jena_etl.ingest.synthetic import MEMBER, write_synthetic
from jena_etl.project import open_project
from tests.pipeline.repository import ROWS
from tests.team.conftest import Team, change, documented, share

BOARD = "reports/leaderboard.md"
LATER_ROWS = 1_000  # a week stands for half a year


@pytest.mark.nightly
def test_another_file_upstream(team: Team) -> None:
    alice, bob = team.alice, team.bob
    station = team.upstream / "station.zip"
    pinned = sha256_of(station)
    alice.run("git", "tag", "v1")
    board, lock = ((alice.root / name).read_bytes() for name in (BOARD, "dvc.lock"))
    model = (alice.root / "models/dense.keras").read_bytes()
    write_synthetic(station, rows=ROWS, seed=2, replace=True)
    # Nobody is surprised by it: what is pinned has been fetched already.
    assert alice.stages_run(alice.dvc("repro")) == []
    ask_again, *go_back = documented("The source changes")
    shown = alice.type(ask_again, fails=True)
    digest = sha256_of(station)
    assert f"station.zip: sha256: got {digest}, expected {pinned}: the file has changed" in shown
    assert f"set download.sha256: {digest} in params.yaml, then: dvc repro" in shown
    # Nothing has changed, and there is nothing to clean up.
    assert (alice.root / "dvc.lock").read_bytes() == lock
    assert alice.stages_run(alice.dvc("repro")) == []
    # Accepting it, as the message says, makes a new version.
    found = re.search(r"set (download\.sha256): (\w+) in", shown)
    assert found
    change(alice, *found.groups())
    change(alice, "architectures", ["dense"])  # one training is enough for a test
    assert "train@dense" in alice.stages_run(alice.dvc("repro"))
    new_board = (alice.root / BOARD).read_bytes()
    assert new_board != board
    share(alice, "the station's new file")
    # The old leaderboard, with the data and models behind it, comes back without the old file.
    for line in go_back:
        alice.type(line)
    assert (alice.root / BOARD).read_bytes() == board
    assert (alice.root / "models/dense.keras").read_bytes() == model
    assert "Data and pipelines are up to date" in alice.dvc("status")
    # Bob gets the new version, although he never had the old one.
    bob.run("git", "pull", "-q")
    bob.dvc("pull")
    assert bob.stages_run(bob.dvc("repro")) == []
    assert (bob.root / BOARD).read_bytes() == new_board
    assert sha256_of(bob.root / "data/download/station.zip") == digest


def later_export(path: Path) -> None:
    """The rows that follow those of station.zip, as the station exports them half a year later."""
    longer = io.BytesIO()
    whole = path.with_name("whole.zip")
    write_synthetic(whole, rows=ROWS + LATER_ROWS, seed=1)
    with zipfile.ZipFile(whole) as archive:
        header, *rows = archive.read(MEMBER).decode().splitlines()
        comment = archive.comment
    whole.unlink()
    with zipfile.ZipFile(longer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("later.csv", "\n".join([header, *rows[ROWS:]]))
        archive.comment = comment
    path.write_bytes(longer.getvalue())


@pytest.mark.nightly
def test_a_later_export_is_appended(team: Team) -> None:
    alice = team.alice
    later = team.upstream / "later.zip"
    later_export(later)
    alice.run("git", "tag", "v1")
    splits = (alice.root / "data/processed/splits.json").read_bytes()
    arrays = (alice.root / "data/processed/features.npy").read_bytes()
    urls = ["../upstream/station.zip", "../upstream/later.zip"]
    change(alice, "download.url", urls)
    change(alice, "download.sha256", [sha256_of(team.upstream / Path(url).name) for url in urls])
    change(alice, "convert.members", [MEMBER, "later.csv"])
    # All that comes before a training.
    assert alice.stages_run(alice.dvc("repro", "splits")) == [
        "check",
        "download",
        "convert",
        "features",
        "statistics",
        "splits",
    ]
    assert open_project(alice.root).splits.rows == ROWS + LATER_ROWS
    share(alice, "the first half of 2017")
    # The old splits are what they were, and made again they have the same bytes.
    alice.run("git", "checkout", "-q", "v1")
    alice.dvc("checkout")
    for name, before in ("splits.json", splits), ("features.npy", arrays):
        assert (alice.root / "data/processed" / name).read_bytes() == before
    assert alice.stages_run(alice.dvc("repro")) == []
    alice.stage("splits")
    assert (alice.root / "data/processed/splits.json").read_bytes() == splits
