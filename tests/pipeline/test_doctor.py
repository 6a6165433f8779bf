"""`jena-etl doctor` on a reproduced pipeline: what it finds, and that its advice mends it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import jena_etl
from jena_etl.commands.doctor import Check, examine, render_checks
from jena_etl.project import open_project

# This checkout's command line; that of the scratch repository would be as good.
SOURCE = str(Path(jena_etl.__file__).parents[1])
RUN = f"import sys; sys.path.insert(0, {SOURCE!r}); from jena_etl.cli import run; run()"
COMMAND = [sys.executable, "-c", RUN, "doctor"]
FEATURES = "data/processed/features.npy"


@pytest.fixture(autouse=True)
def stages_run_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)


def examined(repo: Any, *, verify: bool = False) -> dict[str, Check]:
    return {check.name: check for check in examine(open_project(repo.root), verify=verify)}


def faults(checks: dict[str, Check]) -> list[str]:
    return [name for name, check in checks.items() if check.mark == "fault"]


def recorded(repo: Any, path: str) -> dict[str, Any]:
    """What dvc.lock says of an output, read without DVC."""
    lock = YAML(typ="safe", pure=True).load(repo.root / "dvc.lock")
    outs = [out for stage in lock["stages"].values() for out in stage["outs"]]
    return next(dict(out) for out in outs if out["path"] == path)


def cached(repo: Any, path: str) -> Path:
    md5 = str(recorded(repo, path)["md5"])
    return Path(repo.root) / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def rot(path: Path) -> None:
    """Flip a bit in place, as a disk does: size, time, inode and mode stay."""
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)[0]
        file.seek(before.st_size // 2)
        file.write(bytes([byte ^ 1]))
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def follow(repo: Any, checks: dict[str, Check]) -> None:
    """Type what the faults' lines say, from top to bottom."""
    for name in faults(checks):
        assert checks[name].next, name
        repo.run("bash", "-c", checks[name].next)


def test_a_reproduced_pipeline_is_sound(built: Any) -> None:
    checks = examined(built, verify=True)
    assert [check.mark for check in checks.values()] == [*["ok"] * 6, checks["gpu"].mark], checks
    outs = YAML(typ="safe", pure=True).load(built.root / "dvc.lock")["stages"]
    sizes = [out["size"] for stage in outs.values() for out in stage["outs"]]
    assert checks["data"].found.startswith(f"{len(sizes)} outputs, {sum(sizes) / 1e3:,.1f} kB")
    assert len(render_checks(checks.values()).splitlines()) == len(checks)


def test_the_command_line(repo: Any) -> None:
    report = json.loads(repo.run(*COMMAND, "--json"))
    assert report["sound"] is True
    assert {tuple(check) for check in report["checks"]} == {("name", "mark", "found", "next")}
    (repo.root / FEATURES).unlink()
    shown = repo.run(*COMMAND, fails=True).splitlines()
    assert f"fault  data         {FEATURES} is deleted: dvc checkout {FEATURES}" in shown
    # What is gone makes no later stage out of date: it comes back as it was.
    assert [line for line in shown if line.startswith("ok     pipeline ")]


def test_damage_to_the_cache_alone(repo: Any) -> None:
    """The workspace is whole: the cache is filled from it, and nothing runs."""
    before = (repo.root / "dvc.lock").read_bytes()
    rotten = [cached(repo, "data/download"), cached(repo, FEATURES)]  # a folder's list, and a file
    for path in rotten:
        rot(path)
    cached(repo, "models/dense.keras").unlink()
    quick = examined(repo)["cache"].found
    assert "models/dense.keras is not in it" in quick
    assert FEATURES not in quick  # as DVC itself, it trusts what is read-only
    checks = examined(repo, verify=True)
    assert faults(checks) == ["cache"]
    for path in rotten:
        assert f"{path} is damaged" in checks["cache"].found
    shown = repo.run(*COMMAND, "--verify", fails=True)  # exit code 1
    assert f"{rotten[1]} is damaged ({FEATURES})" in shown
    assert checks["cache"].next.endswith(" && dvc commit -f arrays download train@dense")
    follow(repo, checks)
    assert not faults(examined(repo, verify=True))
    assert (repo.root / "dvc.lock").read_bytes() == before


def test_damage_to_the_workspace(repo: Any) -> None:
    before = (repo.root / "dvc.lock").read_bytes()
    examined(repo)  # DVC remembers every hash now
    rot(repo.root / FEATURES)
    assert not faults(examined(repo))
    rot(repo.root / "data/processed/timestamps.npy")
    rot(cached(repo, "data/processed/timestamps.npy"))
    (repo.root / "data/processed/statistics.json").unlink()
    cached(repo, "data/processed/statistics.json").unlink()
    (repo.root / "reports/leaderboard.md").unlink()  # git's, not DVC's
    shutil.rmtree(repo.root / "data/download")
    with (repo.root / "models/dense.keras").open("r+b") as file:
        file.truncate(1_000)
    checks = examined(repo, verify=True)
    assert faults(checks) == ["cache", "data"]
    assert checks["cache"].next == f"rm -f {cached(repo, 'data/processed/timestamps.npy')}"
    assert checks["data"].next == (
        f"rm -r {FEATURES} data/processed/timestamps.npy models/dense.keras"
        f" && dvc checkout data/download {FEATURES} models/dense.keras"
        " && dvc repro"
    )
    follow(repo, checks)
    assert not faults(examined(repo, verify=True))
    assert (repo.root / "dvc.lock").read_bytes() == before


def test_what_a_team_can_fetch_is_not_computed_again(repo: Any, tmp_path: Path) -> None:
    repo.dvc("remote", "add", "-d", "team", str(tmp_path / "remote"))
    (repo.root / FEATURES).unlink()
    cached(repo, FEATURES).unlink()
    assert examined(repo)["data"].next == f"dvc pull {FEATURES}"


def test_commit_is_no_advice_where_it_would_record_a_change(repo: Any) -> None:
    cached(repo, FEATURES).unlink()
    repo.edit(lambda params: params["window"].update(sampling_rate=3))
    assert examined(repo)["cache"].next == "dvc repro"


def test_a_changed_number_makes_its_stages_out_of_date(repo: Any) -> None:
    repo.edit(lambda params: params["models"]["dense"].update(units=3))
    pipeline = examined(repo)["pipeline"]
    assert (pipeline.mark, pipeline.next) == ("fault", "dvc repro")
    assert "train@dense (models.dense changed)" in pipeline.found
    assert "train@lstm" not in pipeline.found


def test_a_model_just_added_is_not_built_yet(repo: Any) -> None:
    repo.edit(lambda params: params["architectures"].append("conv1d"))
    (repo.root / "src/jena_etl/evaluation/leaderboard.py").write_text("# changed")
    found = examined(repo)["pipeline"].found
    assert "train@conv1d" not in found  # evaluate and baseline come first: they are wrong
    assert "evaluate (src/jena_etl/evaluation/leaderboard.py, architectures changed)" in found


def test_a_fresh_clone_is_no_fault(repo: Any) -> None:
    repo.run("git", "rm", "-q", "dvc.lock")
    for folder in ("data", "models", "reports", ".dvc/cache"):
        shutil.rmtree(repo.root / folder)
    checks = examined(repo)
    assert not faults(checks)
    pipeline = checks["pipeline"]
    assert (pipeline.mark, pipeline.found, pipeline.next) == (
        "note",
        "nothing built yet",
        "dvc repro",
    )
    assert "what a run takes is known after the first" in checks["disk"].found


@pytest.mark.parametrize(
    ("name", "content", "said", "advice"),
    [
        ("dvc.lock", "stages: [", "dvc.lock", "git restore dvc.lock"),
        ("dvc.lock", "<<<<<<< HEAD\nschema: '2.0'\n", "dvc.lock", "git restore dvc.lock"),
        ("dvc.lock", "\0", "dvc.lock", "git restore dvc.lock"),
        ("dvc.lock", "schema: '2.0'\nstages: {arrays: 5}", "dvc.lock", "git restore dvc.lock"),
        ("dvc.yaml", "stages: 5", "dvc.yaml", "git restore dvc.yaml"),
        ("dvc.yaml", None, "dvc.yaml is missing", "git restore dvc.yaml"),
        (".dvc/config", "[core", "", "dvc status"),
    ],
)
def test_a_broken_file_of_dvc(
    repo: Any, name: str, content: str | None, said: str, advice: str
) -> None:
    if content is None:
        (repo.root / name).unlink()
    else:
        (repo.root / name).write_text(content)
    checks = examined(repo)
    assert "pipeline" in faults(checks)
    assert said in checks["pipeline"].found
    assert "\n" not in checks["pipeline"].found
    assert checks["pipeline"].next == advice
    assert checks["params"].mark == "ok"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("seed: [", "params.yaml is not YAML"),
        ("seed: -1", "params.yaml: architectures is missing; add it"),
        (None, "params.yaml: models.dense.unit is not a key; did you mean 'units'?"),
    ],
)
def test_broken_params(repo: Any, content: str | None, said: str) -> None:
    if content is None:
        repo.edit(lambda params: params["models"]["dense"].update(unit=params.pop("seed")))
        repo.edit(lambda params: params.update(seed=0))
    else:
        (repo.root / "params.yaml").write_text(content)
    checks = examined(repo)
    assert checks["params"].mark == "fault"
    assert said in checks["params"].found


@pytest.mark.parametrize(
    ("gone", "advice"),
    [
        ([".dvc"], "dvc init"),
        ([".git"], "git init"),
        ([".dvc", ".git"], "dvc init --no-scm"),
    ],
)
def test_no_repository(repo: Any, gone: list[str], advice: str) -> None:
    for folder in gone:
        shutil.rmtree(repo.root / folder)
    pipeline = examined(repo)["pipeline"]
    assert (pipeline.mark, pipeline.next) == ("fault", advice)


def test_another_process_at_work_is_a_note(repo: Any) -> None:
    from dvc.repo import Repo, lock_repo

    with lock_repo(Repo(str(repo.root))):
        pipeline = examined(repo)["pipeline"]
    assert pipeline.mark == "note"
    assert "another DVC process" in pipeline.found


def test_a_read_only_folder(repo: Any) -> None:
    """Root writes everywhere but on a read-only mount, so it makes one of its own."""
    if os.geteuid() == 0:
        enter = "mount --bind . . && mount -o remount,ro,bind . && cd $PWD && exec "
        if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
            pytest.skip("root may not mount here")
        command = ["unshare", "-m", "sh", "-c", enter + shlex.join(COMMAND)]
    else:
        for folder in (repo.root, repo.root / ".dvc", repo.root / ".dvc/tmp"):
            folder.chmod(0o500)
        command = COMMAND
    shown = repo.run(*command, fails=True)
    assert "Traceback" not in shown
    assert "fault  pipeline" in shown
    assert "fault  disk         " in shown
    assert "cannot be written: ls -ld " in shown
