"""The files of one commit of another git repository, those of git and those of DVC alike."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from jena_etl.errors import ProjectError
from jena_etl.files import CANNOT_WRITE, md5_of_file
from jena_etl.text import nearest

CHUNK = 1 << 20
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Repository:
    """The files of one commit."""

    def __init__(self, files: Any, url: str, commit: str) -> None:
        self._files, self._url, self._commit = files, url, commit

    def has(self, path: str) -> bool:
        """Whether the commit has this file, in git or in dvc.lock."""
        return self._info(path) is not None

    def fetch(self, path: str, here: Path) -> None:
        """Write one file aside, compare it with its digest, and rename it.

        Args:
            path: the file's path in the repository.
            here: where to write it. A file with the same digest is left as it is.

        Raises:
            ProjectError: there is no such file, or it was not pushed, is damaged, cannot be fetched
                or cannot be written.
        """
        info = self._info(path)
        if info is None:
            raise ProjectError(
                f"{self._url} has no {path} at commit {self._commit[:12]}: it was not built, or "
                "not committed; in the repository: dvc repro, git commit, dvc push and git push"
            )
        digest = (info.get("dvc_info") or {}).get("md5")
        if digest is not None and here.is_file() and md5_of_file(here) == digest:
            return  # fetched before, by a process that was killed
        part = here.with_name(f"{here.name}.part")
        try:
            here.parent.mkdir(parents=True, exist_ok=True)
            found = self._copy(path, part, info["size"])
            if digest is not None and found != digest:
                raise ProjectError(
                    f"{path} of {self._url} is damaged where it is stored: its MD5 is {found}, "
                    f"expected {digest}; in a clone whose copy is whole, type dvc push -f"
                )
            part.chmod(0o444)
            part.replace(here)
        except OSError as error:
            if error.errno not in CANNOT_WRITE:
                raise self._not_fetched(path, error) from None
            raise cannot_write(here.parent, error) from None
        finally:
            part.unlink(missing_ok=True)

    def _info(self, path: str) -> Any:
        try:
            return self._files.info(path)
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001  git's and DVC's errors have no common base
            raise self._not_fetched(path, error) from None

    def _copy(self, path: str, part: Path, size: int | None) -> str:
        """Copy a file to `part`; return its MD5, which is DVC's digest."""
        from tqdm import tqdm

        digest = hashlib.md5(usedforsecurity=False)
        bar = tqdm(total=size, unit="B", unit_scale=True, desc=Path(path).name, disable=None)
        try:
            source = self._files.open(path)
        except FileNotFoundError:
            raise ProjectError(
                f"{path} of {self._url} is recorded in dvc.lock, but the DVC remote does not hold "
                "it; whoever built it has to type dvc push"
            ) from None
        except Exception as error:  # noqa: BLE001  each kind of remote has its own errors
            raise self._not_fetched(path, error) from None
        with source, part.open("wb") as target, bar:
            while chunk := self._read(source, path):
                digest.update(chunk)
                target.write(chunk)
                bar.update(len(chunk))
        return digest.hexdigest()

    def _read(self, source: Any, path: str) -> bytes:
        try:
            chunk: bytes = source.read(CHUNK)
        except Exception as error:  # noqa: BLE001  the same
            raise self._not_fetched(path, error) from None
        return chunk

    def _not_fetched(self, path: str, error: Exception) -> ProjectError:
        # Not the error's own text, which may hold the address of the remote with its credentials.
        return ProjectError(
            f"{path} of {self._url} cannot be fetched ({type(error).__name__}); this says why: "
            f"dvc get {self._url} {path} --rev {self._commit} -o {Path(path).name}"
        )


@contextmanager
def open_commit(address: str, url: str, commit: str) -> Iterator[Repository]:
    """The files of a commit; the repository is cloned for as long as the block runs.

    A repository with a work tree on this machine is read where it is, since the data may lie in its
    own cache.

    Args:
        address: the URL or the path of the repository.
        url: the same for messages, without credentials.
        commit: a full commit.

    Raises:
        ProjectError: git does not reach the repository, or it has no such commit.
    """
    from dvc.api import DVCFileSystem

    with tempfile.TemporaryDirectory(prefix="jena-etl-") as folder:
        repository = address
        if not Path(address, ".git").exists():  # a URL, or a bare repository
            repository = str(Path(folder, "clone"))
            if _git("clone", "--quiet", "--no-checkout", "--", address, repository) is None:
                raise _unreachable(url)
        if _git("-C", repository, "cat-file", "-e", f"{commit}^{{commit}}") is None:
            raise ProjectError(f"{url} has no commit {commit}; check rev")
        config = {"core": {"site_cache_dir": str(Path(folder, "site"))}}
        files = DVCFileSystem(repository, rev=commit, config=config)
        with closing(files.repo):
            yield Repository(files, url, commit)


def commit_of(address: str, url: str, rev: str | None) -> str:
    """The commit that a branch or tag points to now; a full commit is taken as it is."""
    if rev is not None and COMMIT.fullmatch(rev):
        return rev
    listed = _git("ls-remote", "--", address)
    if listed is None:
        raise _unreachable(url)
    commits = {name: commit for commit, name in map(str.split, listed.splitlines())}
    if rev is None:
        if "HEAD" not in commits:
            raise ProjectError(f"{url} has no commit yet; git push the project first")
        return commits["HEAD"]
    # An annotated tag is listed twice: as itself, and as the commit it points to.
    for name in (f"refs/tags/{rev}^{{}}", f"refs/tags/{rev}", f"refs/heads/{rev}"):
        if name in commits:
            return commits[name]
    known = [re.sub("^refs/(heads|tags)/", "", name) for name in commits if "^" not in name]
    raise ProjectError(
        f"{url} has no branch or tag {rev!r}, and it is not a full commit"
        + nearest(rev, sorted(set(known) - {"HEAD"}))
    )


def _git(*arguments: str) -> str | None:
    """The output of a git command, which asks for no password; None if it fails."""
    try:
        done = subprocess.run(  # noqa: S603  no shell, and addresses follow `--`
            ("git", *arguments),  # noqa: S607  found on PATH, as a user's git is
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout


def _unreachable(url: str) -> ProjectError:
    return ProjectError(
        f"git cannot read {url}: there is no such repository, no network, or credentials are "
        f"missing; this says why: git ls-remote {url}"
    )


def cannot_write(folder: Path, error: OSError) -> ProjectError:
    """The error for a folder of the cache that refuses a file."""
    return ProjectError(
        f"cannot write to {folder}: {error.strerror}; make room, or name another folder: "
        "open_project(..., cache_dir=...)"
    )
