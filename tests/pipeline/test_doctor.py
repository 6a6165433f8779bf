"""`jena-etl doctor` on a reproduced pipeline: what it finds, and that its advice mends it."""

from __future__ import annotations

import hashlib
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
from jena_etl.commands.doctor.disk import RELINK, SHARE_BLOCKS
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
        repo.type(checks[name].next)


def cure(repo: Any, *, rounds: int = 3, verify: bool = False) -> None:
    """Type what the report says until nothing is wrong; two faults may hide a third."""
    for _ in range(rounds):
        checks = examined(repo, verify=verify)
        if not faults(checks):
            return
        follow(repo, checks)
    assert not faults(examined(repo, verify=verify))


def test_a_reproduced_pipeline_is_sound(repo: Any) -> None:
    repo.type(examined(repo)["merge"].next)  # what each clone is told once
    checks = examined(repo, verify=True)
    assert [check.mark for check in checks.values()] == [*["ok"] * 9, checks["gpu"].mark], checks
    outs = YAML(typ="safe", pure=True).load(repo.root / "dvc.lock")["stages"]
    sizes = [out["size"] for stage in outs.values() for out in stage["outs"]]
    assert checks["data"].found.startswith(f"{len(sizes)} outputs, {sum(sizes) / 1e6:,.1f} MB")
    assert len(render_checks(checks.values()).splitlines()) == len(checks)


def test_the_command_line(repo: Any) -> None:
    report = json.loads(repo.jena_etl("doctor", "--json"))
    assert report["sound"] is True
    assert {tuple(check) for check in report["checks"]} == {("name", "mark", "found", "next")}
    (repo.root / FEATURES).unlink()
    shown = repo.jena_etl("doctor", fails=True).splitlines()
    assert f"fault  data         {FEATURES} is deleted: dvc checkout {FEATURES}" in shown
    # What is gone makes no later stage out of date: it comes back as it was.
    assert [line for line in shown if line.startswith("ok     pipeline ")]


@pytest.mark.slow
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
    shown = repo.jena_etl("doctor", "--verify", fails=True)  # exit code 1
    assert f"{rotten[1]} is damaged ({FEATURES})" in shown
    assert checks["cache"].next.endswith(" && dvc commit -f arrays download train@dense")
    follow(repo, checks)
    assert not faults(examined(repo, verify=True))
    assert (repo.root / "dvc.lock").read_bytes() == before


@pytest.mark.slow
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
        "git restore reports/leaderboard.md"
        f" && rm -r {FEATURES} data/processed/timestamps.npy models/dense.keras"
        f" && dvc checkout data/download {FEATURES} models/dense.keras"
        " && dvc repro"
    )
    follow(repo, checks)
    assert not faults(examined(repo, verify=True))
    assert (repo.root / "dvc.lock").read_bytes() == before


def shared(repo: Any, remote: Path) -> None:
    """Push what was built, and commit where to."""
    repo.dvc("remote", "add", "-d", "team", str(remote))
    repo.dvc("push")
    repo.run("git", "commit", "-qam", "shared")


@pytest.mark.slow
def test_what_a_team_can_fetch_is_not_computed_again(repo: Any, tmp_path: Path) -> None:
    shared(repo, tmp_path / "remote")
    (repo.root / FEATURES).unlink()
    cached(repo, FEATURES).unlink()
    assert examined(repo)["data"].next == f"dvc pull {FEATURES}"
    follow(repo, examined(repo))
    assert not faults(examined(repo))
    clone = repo.clone(tmp_path / "clone")
    checks = examined(clone)
    assert faults(checks) == ["data"]
    assert checks["data"].next == "dvc pull"
    assert "dvc pull" in clone.jena_etl("inspect")
    follow(clone, checks)
    assert not faults(examined(clone))


@pytest.mark.slow
def test_a_report_that_git_has_comes_from_git(repo: Any) -> None:
    """DVC keeps no copy of it: `dvc pull` would do nothing, `dvc repro` might train."""
    (repo.root / "reports/history/dense.csv").unlink()
    (repo.root / "reports/leaderboard.md").write_text("changed by hand")
    shutil.rmtree(repo.root / "reports/metrics")
    checks = examined(repo)
    assert faults(checks) == ["data"]
    paths = "reports/history/dense.csv reports/leaderboard.md reports/metrics"
    assert sorted(checks["data"].next.split()) == sorted(f"git restore {paths}".split())
    follow(repo, checks)
    assert not faults(examined(repo))


@pytest.mark.nightly
def test_a_report_newer_than_gits_is_built_again(repo: Any) -> None:
    module = repo.root / "src/jena_etl/evaluation/leaderboard.py"
    module.write_text(f"{module.read_text()}# changed\n")
    cure(repo)
    (repo.root / "reports/leaderboard.md").unlink()
    assert examined(repo)["data"].next == "dvc repro"
    follow(repo, examined(repo))
    assert not faults(examined(repo))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tracked", "empty"), [(True, False), pytest.param(False, True, marks=pytest.mark.nightly)]
)
def test_a_dvc_lock_cut_short(repo: Any, *, tracked: bool, empty: bool) -> None:
    """Nothing is trained again: git has it, or the run cache knows what was built from what."""
    before = (repo.root / "dvc.lock").read_bytes()
    if not tracked:
        repo.run("git", "rm", "-q", "--cached", "dvc.lock")
        repo.run("git", "commit", "-q", "-m", "never there")
    in_a_key = before.index(b"md5: ", len(before) // 2) + 2
    (repo.root / "dvc.lock").write_bytes(b"" if empty else before[:in_a_key])
    assert "dvc.lock" in repo.dvc("status", fails=True)
    checks = examined(repo)
    assert faults(checks) == ["dvc"]
    assert "doctor --mend" in checks["dvc"].next
    follow(repo, checks)
    assert not faults(examined(repo))
    assert not [name for name in repo.stages_run(repo.dvc("repro")) if name.startswith("train")]
    assert (repo.root / "dvc.lock").read_bytes() == before
    assert not faults(examined(repo, verify=True))


@pytest.mark.slow
def test_an_empty_rwlock(repo: Any) -> None:
    rwlock = repo.root / ".dvc/tmp/rwlock"
    rwlock.write_text("")
    assert "JSON structure is corrupted" in repo.dvc("repro", fails=True)
    shown = repo.jena_etl("doctor", "--mend", cwd="data")
    assert shown.startswith(".dvc/tmp/rwlock is damaged")
    assert f"type these commands in {repo.root}: cd .." in shown
    assert repo.stages_run(repo.dvc("repro")) == []


@pytest.mark.slow
def test_a_disk_that_is_full_of_what_no_commit_uses(repo: Any) -> None:
    """On a small disk of its own: the advice makes room."""
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root can mount a disk for this")
    unused = bytes(100_000_000)
    digest = hashlib.md5(unused, usedforsecurity=False).hexdigest()
    command = shlex.join(COMMAND)
    script = f"""
        mount -t tmpfs -o size=150M disk ../disk && cp -a . ../disk && cd ../disk
        old=.dvc/cache/files/md5/{digest[:2]} && mkdir -p $old
        head -c {len(unused)} /dev/zero > $old/{digest[2:]}
        {command} > ../full
        yes | bash -c "$(grep ^fault ../full | sed 's/.*: //')"
        {command} > ../cured
    """
    (repo.root.parent / "disk").mkdir()
    repo.run("unshare", "-m", "bash", "-c", script)
    full, cured = ((repo.root.parent / name).read_text() for name in ("full", "cured"))
    assert "fault  disk " in full
    assert full.count("fault") == 1
    assert "dvc gc --all-commits" in full
    assert "fault" not in cured


@pytest.mark.nightly
def test_hard_links_instead_of_copies(repo: Any) -> None:
    """What doctor advises where the disk is short: stages never write through a link."""
    paths = ["data/download", "data/interim/source.json", FEATURES]

    def contents() -> dict[str, bytes]:
        files = [f for path in paths for f in (repo.root / path, *(repo.root / path).glob("*"))]
        return {f.name: f.read_bytes() for f in files if f.is_file()}

    def damaged() -> list[str]:
        checks = examined(repo, verify=True)
        return [name for name in ("cache", "data") if checks[name].mark != "ok"]

    repo.type(f"{SHARE_BLOCKS} && {RELINK}")
    assert (repo.root / FEATURES).samefile(cached(repo, FEATURES))
    before = contents()
    shutil.copy(repo.root / "station.zip", repo.root / "another.zip")
    repo.edit(lambda params: params["download"].update(url="another.zip"))  # a persisted out
    repo.edit(lambda params: params["split"].update(train=0.4))
    repo.dvc("repro", "arrays")
    after = contents()
    assert "another.zip" in after
    assert all(after[name] != before[name] for name in ("features.npy", "source.json"))
    assert not damaged()
    repo.run("git", "restore", ".")
    repo.dvc("checkout")
    assert contents() == before
    assert not damaged()


@pytest.mark.slow
def test_commit_is_not_advised_where_it_would_record_a_change(repo: Any) -> None:
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


def test_architectures_that_are_not_a_list(repo: Any) -> None:
    """DVC makes its stages of them and says no more than that it cannot."""
    repo.edit(lambda params: params.update(architectures="lstm"))
    checks = examined(repo)
    assert checks["params"].found == (
        "params.yaml: architectures: input should be a valid list, found 'lstm'"
    )
    assert checks["pipeline"].next == checks["params"].next == "edit params.yaml"


@pytest.mark.parametrize("key", ["further_seeds", "further_horizons", "rolling_origin"])
def test_a_list_that_an_older_params_yaml_lacks(repo: Any, key: str) -> None:
    repo.edit(lambda params: params.pop(key))
    checks = examined(repo)
    assert checks["params"].found == f"params.yaml: {key} is missing; add it"
    assert checks["pipeline"].next == checks["params"].next == "edit params.yaml"


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
    assert "free, the first run takes about " in checks["disk"].found


@pytest.mark.parametrize(
    ("name", "content", "part", "advice"),
    [
        ("dvc.yaml", "stages: 5", "dvc.yaml", "git restore dvc.yaml"),
        pytest.param(
            *("dvc.yaml", None, "dvc.yaml is missing", "git restore dvc.yaml"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *(".dvc/config", "[core", "config file error", "git restore .dvc/config"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_broken_file_that_dvc_only_reads(
    repo: Any, name: str, content: str | None, part: str, advice: str
) -> None:
    if content is None:
        (repo.root / name).unlink()
    else:
        (repo.root / name).write_text(content)
    checks = examined(repo)
    assert faults(checks) == ["pipeline"]
    assert part in checks["pipeline"].found
    assert "\n" not in checks["pipeline"].found
    assert checks["pipeline"].next == advice
    follow(repo, checks)
    assert not faults(examined(repo))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("seed: [", "params.yaml is not YAML"),
        ("seed: -1", "params.yaml: architectures is missing; add it"),
        (None, "params.yaml: models.dense.unit is not a key; did you mean 'units'?"),
    ],
)
def test_broken_params(repo: Any, content: str | None, part: str) -> None:
    if content is None:
        repo.edit(lambda params: params["models"]["dense"].update(unit=params.pop("seed")))
        repo.edit(lambda params: params.update(seed=0))
    else:
        (repo.root / "params.yaml").write_text(content)
    checks = examined(repo)
    assert checks["params"].mark == "fault"
    assert part in checks["params"].found


@pytest.mark.parametrize(
    ("gone", "advice"),
    [
        ([".dvc"], "git restore .dvc"),
        pytest.param([".git"], "git init", marks=pytest.mark.slow),
        pytest.param([".dvc", ".git"], "dvc init --no-scm", marks=pytest.mark.nightly),
    ],
)
def test_no_repository(repo: Any, gone: list[str], advice: str) -> None:
    for folder in gone:
        shutil.rmtree(repo.root / folder)
    before = (repo.root / "dvc.lock").read_bytes()
    pipeline = examined(repo)["pipeline"]
    assert (pipeline.mark, pipeline.next) == ("fault", advice)
    if ".git" in gone:  # a broken file's test types `git restore`
        cure(repo)
    assert (repo.root / "dvc.lock").read_bytes() == before


@pytest.mark.slow
def test_another_process_at_work_is_a_note(repo: Any) -> None:
    from dvc.repo import Repo, lock_repo

    with lock_repo(Repo(str(repo.root))):
        pipeline = examined(repo)["pipeline"]
    assert pipeline.mark == "note"
    assert "another DVC process" in pipeline.found


@pytest.mark.slow
def test_a_read_only_disk(repo: Any, tmp_path: Path) -> None:
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root can mount a disk for this")
    (home := tmp_path / "home").mkdir()
    advice = f"cp -R {repo.root} ~ && cd ~/repo"
    mount = "mount --bind . . && mount -o remount,ro,bind . && cd $PWD"
    ask = shlex.join(COMMAND)
    typed = f"{mount} && {ask}; HOME={home}; {advice} && {ask}"
    shown, cured = repo.run("unshare", "-m", "bash", "-c", typed).split(" environment ")[1:]
    assert "Traceback" not in shown
    assert "note   pipeline     unknown, as DVC needs to write here" in shown
    assert f"fault  disk         {repo.root} cannot be written: {advice}\n" in shown
    assert "fault" not in cured


@pytest.mark.slow
def test_a_folder_that_its_owner_closed(repo: Any) -> None:
    """Root may write everywhere, unless it gives that up."""
    without = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if without and not shutil.which("setpriv"):
        pytest.skip("root needs setpriv for this")
    folders = [repo.root, repo.root / ".dvc", repo.root / ".dvc/tmp"]
    for folder in folders:
        folder.chmod(0o500)
    shown = repo.run(*without, *COMMAND, fails=True)
    advice = f"chmod u+rwx {' '.join(map(str, folders))}"
    assert f"fault  disk         {repo.root} cannot be written: {advice}\n" in shown
    repo.run(*without, "bash", "-c", advice)
    assert "fault" not in repo.run(*without, *COMMAND)
