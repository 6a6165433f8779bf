"""Passwords and keys where git would share them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.config_schema import SCHEMA

from jena_etl.commands.doctor.credentials import SECRET_OPTIONS, check_credentials, secrets_in

SHARED = "['remote \"team\"']\n    url = s3://bucket\n    secret_access_key = sesame\n"
# Options of DVC's whose names sound secret, and whose values are not: names, flags, commands.
PUBLIC = {
    "ask_passphrase",
    "ask_password",
    "bearer_token_command",
    "exclude_shared_token_cache_credential",
    "key_path",
    "keyfile",
    "sse_kms_key_id",
}


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.email=test@example.org", "-c", "user.name=test"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/.gitignore").write_text("/config.local\n")
    (tmp_path / ".dvc/config").write_text(SHARED.replace("secret_access_key", "profile"))
    (tmp_path / ".dvc/config.local").write_text(SHARED)
    return tmp_path


def options(schema: Any) -> Iterator[str]:
    """The names of all options in a part of DVC's schema."""
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        name = getattr(key, "schema", key)
        if isinstance(name, str) and not isinstance(value, dict):
            yield name
        yield from options(value)


def test_every_option_of_dvcs_that_sounds_secret_is_known() -> None:
    from dvc.config_schema import REMOTE_SCHEMAS

    known = {*options(SCHEMA), *(name for s in REMOTE_SCHEMAS.values() for name in options(s))}
    sounding = {name for name in known if re.search("pass|secret|token|key|connection_str", name)}
    assert sounding == SECRET_OPTIONS | PUBLIC


def test_secrets_that_git_does_not_see(root: Path) -> None:
    assert check_credentials(root).mark == "ok"
    (inner := root / "inner").mkdir()
    assert check_credentials(inner).mark == "ok"


def test_a_secret_in_the_shared_file(root: Path) -> None:
    (root / ".dvc/config").write_text(SHARED)
    check = check_credentials(root)
    assert (check.mark, check.next) == (
        "fault",
        "dvc remote modify --unset team secret_access_key",
    )
    assert 'holds secret_access_key of remote "team"; set it with --local' in check.found
    assert "have it changed" not in check.found
    git(root, "add", ".")
    git(root, "commit", "-qm", "oh")
    check = check_credentials(root)
    assert check.found.endswith("and have it changed, because git's history keeps it")
    assert "sesame" not in check.found


def test_a_password_in_an_address(root: Path) -> None:
    (root / ".dvc/config").write_text(SHARED.replace("s3://", "https://me:sesame@").split("sec")[0])
    check = check_credentials(root)
    assert check.next == "edit .dvc/config"
    assert 'holds url of remote "team"' in check.found
    assert "sesame" not in check.found


def test_the_local_file_in_git(root: Path) -> None:
    git(root, "add", "-f", ".dvc/config.local")
    check = check_credentials(root)
    assert (check.mark, check.next) == ("fault", "git rm --cached .dvc/config.local")
    subprocess.run(check.next.split(), cwd=root, check=True, capture_output=True)
    assert check_credentials(root).mark == "ok"


def test_sections_other_than_remotes() -> None:
    text = "[studio]\n    token = sesame\n['db \"x\"']\n    password = sesame\n    url = postgres://x\n"
    assert [str(secret) for secret in secrets_in(text)] == [
        "token of studio",
        'password of db "x"',
    ]
    assert secrets_in("[[") == []
