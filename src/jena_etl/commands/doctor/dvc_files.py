"""Repairs DVC's own two files after a kill or a merge has left them unreadable.

DVC writes .dvc/tmp/rwlock (which process uses which file) and dvc.lock (what each stage was built
from) in place. If it is killed while it writes, the file is cut short, and every later DVC command
fails. Nothing that was built is lost: DVC's cache holds it, and the run cache records what it was
built from.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from jena_etl.commands.doctor.check import Check, first_few, in_turn
from jena_etl.commands.dvc_repo import open_repo
from jena_etl.commands.merge_lock import (
    DRIVER,
    DRIVER_COMMAND,
    DRIVER_KEY,
    LOCK,
    Stages,
    merge_stages,
    parse_lock,
    render_lock,
)
from jena_etl.commands.programs import git
from jena_etl.errors import ProjectError
from jena_etl.files import write_text

RWLOCK = ".dvc/tmp/rwlock"


@dataclass(frozen=True)
class Mend:
    """One damaged file and how to mend it.

    Attributes:
        found: the file, and what is wrong with it.
        intent: what `apply` does, in words.
        command: the command that does the same; "" if there is no short one.
        apply: mends the file.
    """

    found: str
    intent: str
    command: str
    apply: Callable[[], object]


def own_files(root: Path) -> Check:
    """Check whether DVC can read the files it has written."""
    at_work = running(root) if find_mends(root) else []
    mends = find_mends(root)  # again, as a DVC that has just ended may have been writing them
    if not mends:
        found = "its own files are readable"
        if killed := _killed(root):
            found += f"; {RWLOCK} names {first_few(killed)}, which has been killed: go on, DVC "
            found += "removes the entry when it needs the files"
        return Check("dvc", "ok", found)
    found = "; ".join(mend.found for mend in mends)
    if at_work:
        found += f"; but DVC is at work here: {first_few(at_work)}"
        return Check("dvc", "note", found, "wait for it, then run doctor again")
    if by_hand := in_turn(mend.command for mend in mends):
        found += f" (by hand: {by_hand})"
    return Check("dvc", "fault", found, "jena-etl doctor --mend")


def merge_driver(root: Path) -> Check | None:
    """Check that git merges dvc.lock as .gitattributes says; None where it says nothing."""
    attribute = git(root, "check-attr", "merge", "--", LOCK) or ""
    if attribute.split(": ")[-1].strip() != DRIVER:
        return None
    if (git(root, "config", DRIVER_KEY) or "").strip():
        return Check("merge", "ok", f"git merges {LOCK} stage by stage")
    found = f"git would merge the {LOCK} of two branches by lines, not stage by stage"
    return Check("merge", "note", found, f"git config {DRIVER_KEY} '{DRIVER_COMMAND}'")


def mend(root: Path) -> Iterator[str]:
    """Mend what is damaged while holding DVC's lock; each step is announced before it is taken.

    Raises:
        ProjectError: DVC is at work here or is not set up.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import lock_repo

    try:
        with open_repo(root, rehash=False) as repo, lock_repo(repo):
            if at_work := running(root):
                raise ProjectError(
                    f"DVC is at work here: {first_few(at_work)}; wait for it or end it, then run "
                    "jena-etl doctor --mend again"
                )
            mends = find_mends(root)
            if not mends:
                yield "DVC's own files are readable: nothing to mend"
            for step in mends:
                yield f"{step.found}: {step.intent}"
                step.apply()
    except DvcException as error:
        raise ProjectError(f"DVC cannot be locked: {' '.join(str(error).split())}") from None


def running(root: Path) -> list[str]:
    """The DVC processes in the repository of `root`, or in a folder that we may not see."""
    repository = _repository(root)
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if process.pid == os.getpid() or not _is_dvc(words):
                continue
            inside = Path(process.cwd()).is_relative_to(repository)
        except psutil.AccessDenied:
            inside = True  # it may be at work here
        except psutil.Error:
            continue  # the process has ended
        if inside:
            found.append(f"process {process.pid} ({' '.join(words[1:])})")
    return found


def find_mends(root: Path) -> list[Mend]:
    """The damaged files, in the order in which to mend them."""
    return [mend for mend in (_of_rwlock(root), _of_dvc_lock(root)) if mend]


def _of_rwlock(root: Path) -> Mend | None:
    path = _repository(root) / RWLOCK
    shown = os.path.relpath(path, root)
    users = _users(path)
    if users is None:
        fault = "is damaged, as if DVC had been killed while it wrote it"
    elif reused := {pid for pid in users if _is_another_program(pid)}:
        # DVC was killed, and another program now has its process number.
        fault = f"names process {min(reused)} as a running DVC, which it is not"
    else:
        return None
    remove = partial(path.unlink, missing_ok=True)
    return Mend(f"{shown} {fault}", "remove it; DVC writes a new one", f"rm {shown}", remove)


def _users(path: Path) -> dict[int, str] | None:
    """The commands that a rwlock says use files here, by process; None if it is damaged."""
    from dvc.rwlock import SCHEMA
    from voluptuous import Invalid

    try:
        entries = SCHEMA(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except (ValueError, Invalid):
        return None
    users = [*entries["write"].values(), *(u for us in entries["read"].values() for u in us)]
    return {user["pid"]: user["cmd"] for user in users}


def _killed(root: Path) -> list[str]:
    """The processes that a rwlock names and that ended without taking their entry out of it."""
    users = _users(_repository(root) / RWLOCK) or {}
    ended = {pid: words for pid, words in sorted(users.items()) if not psutil.pid_exists(pid)}
    return [f"process {pid} ({words})" for pid, words in ended.items()]


def _of_dvc_lock(root: Path) -> Mend | None:
    path = root / LOCK
    if unmerged := git(root, "ls-files", "--unmerged", "--", LOCK):
        numbers = {line.split()[2] for line in unmerged.splitlines()}
        versions = [parse_lock(git(root, "show", f":{n}:./{LOCK}")) or {} for n in "123"]
        merge = merge_stages(*versions)
        both = f" ({merge})" if str(merge) else ""
        return Mend(
            f"{LOCK} has a merge conflict ({len(numbers)} versions)",
            f"take each stage's whole entry from the side that ran it{both}, then git add it",
            "",
            partial(_resolve, root, merge.stages),
        )
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    if parse_lock(text) is not None:
        return None
    found = f"{LOCK} is {'damaged or cut short' if text else 'empty'}"
    for source, options in ((":", ()), ("HEAD:", ("--source=HEAD", "--staged", "--worktree"))):
        if parse_lock(git(root, "show", f"{source}./{LOCK}")) is not None:
            words = ("restore", *options, "--", LOCK)
            intent = "restore git's version; dvc repro takes newer outputs from the run cache"
            return Mend(found, intent, f"git {' '.join(words)}", partial(_replace, root, words))
    intent = "remove it, as git has none; dvc repro takes the outputs from the run cache"
    return Mend(found, intent, f"rm {LOCK}", partial(_replace, root))


def _resolve(root: Path, stages: Stages) -> None:
    write_text(root / LOCK, render_lock(stages))
    git(root, "add", "--", LOCK)


def _replace(root: Path, words: tuple[str, ...] = ()) -> None:
    """Set the damaged dvc.lock aside and, given `words`, restore it with that git command."""
    aside = _repository(root) / ".dvc/tmp" / f"{LOCK}.damaged"
    shutil.move(root / LOCK, aside)
    if words:
        git(root, *words)


def _repository(root: Path) -> Path:
    from dvc.repo import Repo

    return Path(Repo.find_root(str(root))).resolve()


def _is_another_program(pid: int) -> bool:
    """Whether a process of that number is running and is certainly not DVC."""
    try:
        return not _is_dvc(psutil.Process(pid).cmdline())
    except psutil.ZombieProcess:
        return True
    except psutil.Error:
        return False  # DVC notices by itself that it has ended


def _is_dvc(words: list[str]) -> bool:
    """Whether a command line is `dvc ...`, `python .../dvc ...` or `python -m dvc ...`."""
    names = [Path(word).name for word in words[:4]]
    return names[:1] == ["dvc"] or ("python" in "".join(names[:1]) and "dvc" in names)
