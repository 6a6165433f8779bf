"""Checks whether the remote holds what dvc.lock and the .dvc files name.

`dvc push` takes an object's name on the remote as proof of its bytes, and a folder's list of files
as proof of the files. So what was damaged or deleted there stays so, however often it is pushed,
until the damaged object or the list is removed. Here, every object is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jena_etl.commands import dvc_repo
from jena_etl.commands.doctor.check import Check, command, first_few, in_turn
from jena_etl.commands.doctor.credentials import LOCAL, secrets_among
from jena_etl.commands.doctor.environment import install_command
from jena_etl.errors import ProjectError

NAME = "remote"
PUSH = "dvc push"
EXTRAS = ("azure", "gs", "s3", "ssh")  # of this package, each for one kind of remote


@dataclass(frozen=True)
class Shared:
    """An output that the remote should hold.

    Attributes:
        label: its path and the stage that builds it.
        objects: the objects that hold it, by hash; each with the name of the file, or "" for the
            output itself: a file, or a folder's list of its files.
        missing: the hashes of those that the remote lacks.
        damaged: the hashes of those whose bytes are wrong.
        here: whether this clone's cache holds them, so that it can push them.
    """

    label: str
    objects: dict[str, str]
    missing: frozenset[str]
    damaged: frozenset[str]
    here: bool

    @property
    def in_the_way(self) -> list[str]:
        """The objects on the remote that keep `dvc push` from sending what is wrong."""
        lists = {oid for oid in self.objects if oid.endswith(".dir")} - self.missing
        return sorted(self.damaged | lists) if self.missing | self.damaged else []

    def found(self, remote: str) -> str:
        """What is wrong with it, in words; "" if nothing is."""
        faults = []
        for oids, is_what in (self.missing, "not on"), (self.damaged, "damaged on"):
            files = sorted(self.objects[oid] for oid in oids if self.objects[oid])
            whole = len(files) < len(oids)  # for a folder: its list of files is among them
            what = self.label if whole else f"{first_few(files)} in {self.label}"
            if oids:
                faults.append(f"{what} is {is_what} the remote {remote}")
        text = "; ".join(faults)
        if text and not self.here:
            text += ", and this clone has no copy to push: push from one that has"
        return text


def check_remote(root: Path, *, verify: bool) -> list[Check]:
    """Report each output that the remote lacks, after a line that says how many were looked for.

    With `verify`, every object on the remote is read and its hash recomputed.
    """
    with dvc_repo.open_repo(root, rehash=False) as repo:
        outs = _pushable(repo)
        if not outs:
            return [Check(NAME, "ok", "dvc.lock and the .dvc files name nothing to share yet")]
        default = repo.config["core"].get("remote")
        if not default and any(not out.remote for out in outs):
            found = f"no default remote is configured, so {len(outs)} outputs are here alone"
            named = sorted(repo.config["remote"])
            if len(named) == 1:
                return [Check(NAME, "fault", found, command("dvc remote default", named))]
            return [Check(NAME, "fault", found, "dvc remote add -d NAME FOLDER_OR_ADDRESS")]
        checks = []
        for remote, group in _by_remote(outs, default):
            checks += _checks_of(repo, remote, group, verify=verify)
        return checks


def mend_remote(root: Path, *, verify: bool) -> Iterator[str]:
    """Remove from the remote what keeps `dvc push` from replacing what is damaged or missing there.

    Only objects that the cache of this clone can replace are removed; each is announced first.

    Raises:
        ProjectError: a remote cannot be asked.
    """
    with dvc_repo.open_repo(root, rehash=False) as repo:
        default = repo.config["core"].get("remote", "")
        for remote, group in _by_remote(_pushable(repo), default):
            try:
                odb = repo.cloud.get_remote_odb(remote)
                for shared in _look(odb, group, verify=verify):
                    for oid in shared.in_the_way if shared.here else ():
                        path = odb.oid_to_path(oid)
                        yield f"{shared.label}: removing {path} from {remote}"
                        odb.fs.remove(path)
            except Exception as error:
                raise ProjectError(_why(repo, remote, error)) from error


def _pushable(repo: Any) -> list[Any]:
    """The outputs that `dvc push` is meant to share, those of .dvc files among them."""
    return [
        out
        for stage in repo.index.stages
        if not stage.is_repo_import  # DVC fetches those from the other repository
        for out in stage.outs
        if out.use_cache and out.can_push and out.hash_info
    ]


def _by_remote(outs: list[Any], default: str) -> Iterator[tuple[str, list[Any]]]:
    def remote_of(out: Any) -> str:
        return str(out.remote or default)

    for remote, group in groupby(sorted(outs, key=remote_of), key=remote_of):
        yield remote, list(group)


def _checks_of(repo: Any, remote: str, outs: list[Any], *, verify: bool) -> list[Check]:
    try:
        looked_at = _look(repo.cloud.get_remote_odb(remote), outs, verify=verify)
    except Exception as error:  # noqa: BLE001  each kind of remote has errors of its own
        return [Check(NAME, "fault", _why(repo, remote, error), _next_step(repo, remote, error))]
    wrong = [shared for shared in looked_at if shared.found(remote)]
    objects = len({oid for shared in looked_at for oid in shared.objects})
    how = "every hash recomputed" if verify else "bytes: --verify"
    found = f"{len(outs) - len(wrong)} of {len(outs)} outputs are whole on {_named(repo, remote)}"
    summary = Check(NAME, "note" if wrong else "ok", f"{found} ({objects} objects, {how})")
    return [summary, *(_fault(shared, remote, verify=verify) for shared in wrong)]


def _fault(shared: Shared, remote: str, *, verify: bool) -> Check:
    mend = f"jena-etl doctor --remote{' --verify' if verify else ''} --mend"
    steps = [mend if shared.in_the_way else "", PUSH] if shared.here else []
    return Check(NAME, "fault", shared.found(remote), in_turn(steps))


def _look(odb: Any, outs: list[Any], *, verify: bool) -> list[Shared]:
    """Ask a remote for every object of these outputs."""
    contents = [_objects(odb, out) for out in outs]
    sizes = {oid: size for objects in contents for oid, (_, size) in objects.items()}
    faults = _faults(odb, sizes, verify=verify)
    looked_at = []
    for out, objects in zip(outs, contents, strict=True):
        wrong = {oid: faults[oid] for oid in objects if oid in faults}
        copies = [Path(out.cache.oid_to_path(oid)) for oid in {out.hash_info.value, *wrong}]
        looked_at.append(
            Shared(
                label=f"{os.path.relpath(out.fs_path)} ({out.stage.addressing})",
                objects={oid: file for oid, (file, _) in objects.items()},
                missing=frozenset(oid for oid, fault in wrong.items() if fault == "missing"),
                damaged=frozenset(oid for oid, fault in wrong.items() if fault == "damaged"),
                here=bool(wrong)
                and all(copy.is_file() for copy in copies)
                and not dvc_repo.damaged(copies),
            )
        )
    return looked_at


def _objects(odb: Any, out: Any) -> dict[str, tuple[str, int | None]]:
    """The name and the size, if known, of what is in each of an output's objects, by hash."""
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.errors import ObjectFormatError

    oid = out.hash_info.value
    if not out.hash_info.isdir:
        return {oid: ("", out.meta.size)}
    objects: dict[str, tuple[str, int | None]] = {oid: ("", None)}
    for source in out.cache, odb:
        try:
            tree = Tree.load(source, out.hash_info)
        except (FileNotFoundError, ObjectFormatError, KeyError, TypeError):  # or damaged
            continue
        return objects | {item.value: ("/".join(key), meta.size) for key, meta, item in tree}
    return objects


def _faults(odb: Any, sizes: dict[str, int | None], *, verify: bool) -> dict[str, str]:
    """Which of these objects are "missing" or "damaged" on a remote."""
    paths = {odb.oid_to_path(oid): oid for oid in sizes}
    infos = map(_cause, odb.fs.info(list(paths), return_exceptions=True))
    faults = {}
    for (path, oid), info in zip(
        tqdm(paths.items(), leave=False, disable=None), infos, strict=True
    ):
        if isinstance(info, FileNotFoundError):
            faults[oid] = "missing"
        elif isinstance(info, Exception):
            raise info
        elif sizes[oid] not in (None, info["size"]) or (verify and _is_damaged(odb, path, oid)):
            faults[oid] = "damaged"
    return faults


def _cause(info: Any) -> Any:
    """The answer itself, unless it is an error that fsspec has made a "not found" over HTTP."""
    cause = info.__cause__ if isinstance(info, FileNotFoundError) else None
    refused = getattr(cause, "status", HTTPStatus.NOT_FOUND) != HTTPStatus.NOT_FOUND
    unreachable = isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)
    return cause if refused or unreachable else info


def _is_damaged(odb: Any, path: str, oid: str) -> bool:
    from dvc_data.hashfile.hash import hash_file

    _, actual = hash_file(path, odb.fs, odb.hash_name)
    return str(actual.value) != oid.removesuffix(".dir")


def _named(repo: Any, remote: str) -> str:
    """The name of a remote and its address without user and password."""
    scheme, separator, rest = _url(repo, remote).rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{remote} ({scheme}{separator}{host.rpartition('@')[2]}{slash}{path})"


def _url(repo: Any, remote: str) -> str:
    return str(repo.config["remote"].get(remote, {}).get("url", ""))


def _why(repo: Any, remote: str, error: Exception) -> str:
    """Why a remote cannot be asked, in one line without any secret."""
    reason = " ".join(str(error).split()) or type(error).__name__
    for secret in secrets_among(repo.config["remote"].get(remote, {})).values():
        reason = reason.replace(secret, "***")
    text = f"the remote {_named(repo, remote)} cannot be read: {reason}"
    if isinstance(error, ImportError):
        return text
    return f"{text}; is it there, and are the credentials in {LOCAL} or the environment right?"


def _next_step(repo: Any, remote: str, error: Exception) -> str:
    """Install what is missing for this kind of remote, or see everything that DVC has to say."""
    if isinstance(error, ImportError):
        kind = _url(repo, remote).partition(":")[0]
        locked = f"uv sync --frozen --extra {kind}" if kind in EXTRAS else ""
        return install_command(Path(repo.root_dir), f"dvc-{kind}", locked=locked)
    return command("dvc status --verbose --cloud --remote", [remote])
