"""Checks that no password or key lies where git would share it."""

from __future__ import annotations

from collections.abc import Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jena_etl.commands.doctor.check import Check, command, first_few, in_turn
from jena_etl.commands.programs import git

CONFIG = ".dvc/config"
LOCAL = ".dvc/config.local"
# Those of DVC's options whose value lets others in; DVC itself does not mark them. A test compares
# this list with the options that the installed DVC knows.
SECRET_OPTIONS = frozenset(
    {
        "access_key_id",
        "account_key",
        "client_secret",
        "connection_string",
        "gdrive_client_secret",
        "oss_key_id",
        "oss_key_secret",
        "passphrase",
        "password",
        "sas_token",
        "secret_access_key",
        "session_token",
        "sse_customer_key",
        "token",
    }
)


@dataclass(frozen=True)
class Secret:
    """A secret in a configuration file of DVC's.

    Attributes:
        section: the section's name, such as `remote "team"`.
        option: such as password; a password in an address counts as `url`.
        value: the secret itself, never shown.
    """

    section: str
    option: str
    value: str

    def __str__(self) -> str:
        return f"{self.option} of {self.section}"


def secrets_in(text: str) -> list[Secret]:
    """The secrets in the text of a configuration file; none if it cannot be read."""
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except Error:
        return []  # DVC cannot read it either, which another check reports
    return [
        Secret(section.strip("'"), option, value)
        for section in parser.sections()
        for option, value in secrets_among(parser[section]).items()
    ]


def secrets_among(options: Mapping[str, Any]) -> dict[str, str]:
    """The secrets among a section's options, by option; of an address, its password alone."""
    found = {name: str(value) for name, value in options.items() if name in SECRET_OPTIONS}
    password = urlsplit(str(options.get("url", ""))).password
    return found | ({"url": password} if password else {})


def check_credentials(root: Path) -> Check:
    """Check that passwords and keys are in .dvc/config.local or in the environment alone."""
    name = "credentials"
    folder = next((f for f in (root, *root.parents) if (f / ".dvc").is_dir()), root)
    if git(folder, "ls-files", "--", LOCAL):
        found = f"git shares {LOCAL}, which is meant for credentials"
        return Check(name, "fault", found, f"git rm --cached {LOCAL}")
    path = folder / CONFIG
    secrets = secrets_in(path.read_text(encoding="utf-8")) if path.is_file() else []
    if not secrets:
        return Check(name, "ok", f"no password or key is in {CONFIG}, which git shares")
    found = f"{CONFIG}, which git shares, holds {first_few(map(str, secrets))}; set it with --local"
    if set(secrets) & set(secrets_in(git(folder, "show", f"HEAD:./{CONFIG}") or "")):
        found += ", and have it changed, because git's history keeps it"
    steps = [_unset(secret) for secret in secrets]
    return Check(name, "fault", found, in_turn(steps) if all(steps) else f"edit {CONFIG}")


def _unset(secret: Secret) -> str:
    """The command that takes a remote's secret out of the file; "" if there is none."""
    kind, _, quoted = secret.section.partition(" ")
    if kind != "remote" or secret.option == "url":
        return ""
    return command("dvc remote modify --unset", [quoted.strip('"'), secret.option])
