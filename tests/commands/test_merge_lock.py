"""dvc.lock merged stage by stage, called as git calls its merge driver."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from jena_etl import cli
from jena_etl.commands.doctor.dvc_files import merge_driver
from jena_etl.commands.merge_lock import merge_stages, parse_lock, render_lock

# What each stage reads and writes: two models, and the stages that join them.
READS: dict[str, list[str]] = {
    "check": [],
    "arrays": ["climate"],
    "train@dense": ["data/arrays"],
    "train@lstm": ["data/arrays"],
    "evaluate": ["models", "src/models"],
    "report": ["models", "reports/board"],
}
WRITES = {
    "check": ["data/checked"],
    "arrays": ["data/arrays"],
    "train@dense": ["models/dense.keras"],
    "train@lstm": ["models/lstm.keras"],
    "evaluate": ["reports/board"],
    "report": ["reports/page"],
}
WHOLE_FILE = ("check", "report")  # these record all of params.yaml


def built(params: dict[str, int]) -> dict[str, Any]:
    """A dvc.lock in which every stage ran with these params: each hash names all it depends on."""
    hashes = {path: _md5(path) for path in ("climate", "src/models")}
    stages = {}
    for name, reads in READS.items():
        own = params if name in WHOLE_FILE else {name: params.get(name, 0)}
        deps = {path: _hash(hashes, path) for path in reads}
        result = _md5("checked" if name == "check" else f"{own.get(name)} {deps}")
        hashes |= dict.fromkeys(WRITES[name], result)
        stages[name] = {
            "cmd": f"python -m pipeline.{name}",
            "deps": [{"path": path, "hash": "md5", "md5": md5} for path, md5 in deps.items()],
            "params": {"params.yaml": dict(own)},
            "outs": [{"path": path, "hash": "md5", "md5": result} for path in WRITES[name]],
        }
    return stages


def _hash(hashes: dict[str, str], path: str) -> str:
    """The hash of a file, or of a folder: of all that lies in it."""
    inside = [md5 for name, md5 in hashes.items() if f"{name}/".startswith(f"{path}/")]
    return _md5(" ".join(inside))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


BASE = built({})


def sides(merged: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, str]:
    """From which side each entry was taken whole, if it is not that of the common ancestor."""
    found = {}
    for name, entry in merged.items():
        if entry != BASE.get(name):
            found[name] = "ours" if entry == ours.get(name) else "theirs"
            assert entry in (ours.get(name), theirs.get(name))
    return found


def test_each_changed_another_model() -> None:
    ours, theirs = built({"train@dense": 1}), built({"train@lstm": 1})
    merge = merge_stages(BASE, ours, theirs)
    assert sides(merge.stages, ours, theirs) == {
        "check": "ours",
        "train@dense": "ours",
        "train@lstm": "theirs",
        "evaluate": "ours",
        "report": "ours",
    }
    assert (merge.rerun, merge.conflicts) == (("evaluate", "report"), ())
    # The other way round, the models' entries are the same ones.
    turned = merge_stages(BASE, theirs, ours).stages
    assert [turned[name] for name in ("train@dense", "train@lstm")] == [
        merge.stages[name] for name in ("train@dense", "train@lstm")
    ]


def test_both_changed_the_same_model() -> None:
    ours, theirs = built({"train@dense": 1}), built({"train@dense": 2})
    merge = merge_stages(BASE, ours, theirs)
    assert merge.stages == ours
    assert (merge.rerun, merge.conflicts) == (("evaluate", "report"), ("train@dense",))


@pytest.mark.parametrize(
    ("ours", "theirs", "conflicts"),
    [
        # What follows from a conflict is none itself.
        ({"arrays": 1}, {"arrays": 2}, ("arrays",)),
        # Ours changed the data of all models, theirs one model: it is trained on both changes.
        ({"arrays": 1}, {"train@dense": 1}, ()),
        # The scores' code beside a model.
        ({"evaluate": 1}, {"train@dense": 1}, ()),
        ({"report": 1}, {"report": 2}, ("report",)),
        ({"train@dense": 1}, {"train@dense": 1}, ()),
    ],
)
def test_a_conflict_is_what_both_changed_themselves(
    ours: dict[str, int], theirs: dict[str, int], conflicts: Iterable[str]
) -> None:
    assert merge_stages(BASE, built(ours), built(theirs)).conflicts == conflicts
    assert merge_stages(BASE, built(theirs), built(ours)).conflicts == conflicts


def test_an_entry_that_one_side_changed_is_taken_whole() -> None:
    theirs = built({"train@lstm": 1})
    assert merge_stages(BASE, BASE, theirs).stages == theirs
    assert merge_stages(BASE, theirs, BASE).stages == theirs
    assert merge_stages(BASE, theirs, theirs).stages == theirs


def test_stages_that_come_and_go() -> None:
    without = {name: entry for name, entry in BASE.items() if name != "train@lstm"}
    assert merge_stages(BASE, without, BASE).stages == without
    assert merge_stages(without, without, BASE).stages == BASE
    changed = built({"train@lstm": 1})
    assert merge_stages(BASE, without, changed).stages["train@lstm"] == changed["train@lstm"]
    both_added = merge_stages(without, BASE, changed)
    assert both_added.stages["train@lstm"] == BASE["train@lstm"]


@pytest.fixture
def merge_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Call the driver on three texts; return its exit code, its words and the result."""

    def call(base: str, ours: str, theirs: str, path: str = "dvc.lock") -> tuple[int, str, str]:
        files = [tmp_path / name for name in (".merge_O", ".merge_A", ".merge_B")]
        for file, text in zip(files, (base, ours, theirs), strict=True):
            file.write_text(text)
        monkeypatch.setattr("sys.argv", ["jena-etl", "merge-lock", *map(str, files), path])
        with pytest.raises(SystemExit) as ended:
            cli.run()
        printed = capsys.readouterr()
        assert printed.out == ""  # git may show the diff of a merge there
        return int(ended.value.code or 0), printed.err, files[1].read_text()

    return call


def test_the_driver_merges_into_our_file(merge_lock: Any) -> None:
    ours, theirs = built({"train@dense": 1}), built({"train@lstm": 1})
    code, said, result = merge_lock(render_lock(BASE), render_lock(ours), render_lock(theirs))
    assert code == 0
    assert said == "dvc.lock: ran on both sides, left to dvc repro: evaluate, report\n"
    assert parse_lock(result) == merge_stages(BASE, ours, theirs).stages


def test_the_driver_reports_a_conflict(merge_lock: Any) -> None:
    ours, theirs = built({"train@dense": 1}), built({"train@dense": 2})
    code, said, result = merge_lock(
        render_lock(BASE), render_lock(ours), render_lock(theirs), "station/dvc.lock"
    )
    assert code == 1
    assert said == (
        "station/dvc.lock: changed on both sides, ours is kept: train@dense; "
        "ran on both sides, left to dvc repro: evaluate, report\n"
        "resolve params.yaml and the code, then: "
        "git add station/dvc.lock && dvc pull && dvc repro\n"
    )
    assert result == render_lock(ours)


def test_both_have_added_a_dvc_lock(merge_lock: Any) -> None:
    """Git's common ancestor is then an empty file."""
    text = render_lock(BASE)
    assert merge_lock("", text, text) == (0, "", text)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_version_that_dvc_cannot_read(merge_lock: Any, side: str) -> None:
    text = render_lock(BASE)
    damaged = text[: text.rindex("md5: ") + 2]  # cut short in a key
    versions = (damaged, text) if side == "ours" else (text, damaged)
    code, said, result = merge_lock(text, *versions)
    assert code == 2
    assert said.startswith(f"error: dvc.lock: DVC cannot read {side}, so nothing was merged")
    assert f"git checkout --{'theirs' if side == 'ours' else 'ours'} dvc.lock" in said
    assert result == versions[0]


def test_a_generated_report_stays_ours(merge_lock: Any) -> None:
    assert merge_lock("a", "b", "c", "reports/leaderboard.md") == (0, "", "b")


def test_doctor_names_the_missing_driver(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)

    assert merge_driver(tmp_path) is None
    git("init", "-q")
    assert merge_driver(tmp_path) is None
    (tmp_path / ".gitattributes").write_text("dvc.lock merge=jena-etl\n")
    check = merge_driver(tmp_path)
    assert check is not None
    assert (check.mark, check.next) == (
        "note",
        "git config merge.jena-etl.driver 'jena-etl merge-lock %O %A %B %P'",
    )
    git(*shlex.split(check.next)[1:])
    check = merge_driver(tmp_path)
    assert check is not None
    assert (check.mark, check.next) == ("ok", "")
