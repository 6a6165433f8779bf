"""A real SSH server on the loopback interface, with throw-away keys and without any privilege."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.team.tracked import kill

# The only thing that a client may do is transfer files.
CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
AllowUsers {user}
ForceCommand internal-sftp
Subsystem sftp internal-sftp
"""


class SshServer:
    """Debian's sshd, listening on a free port of the loopback interface.

    Attributes:
        folder: keys and configuration.
        port: where it listens; the same after `start` has been called again.
        key: the file of a private key that the server accepts; it is encrypted.
        passphrase: what decrypts it.
        wrong_key: the file of a private key that the server refuses.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(mode=0o700)
        self.user = psutil.Process().username()
        self.passphrase = secrets.token_hex()
        self.key = self._new_key("key", self.passphrase)
        self.wrong_key = self._new_key("wrong_key")
        self._new_key("host_key")
        shutil.copyfile(f"{self.key}.pub", folder / "authorized_keys")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.config = folder / "sshd_config"
        config = CONFIG.format(port=self.port, folder=folder, user=self.user)
        self.config.write_text(config, encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        if not os.geteuid():  # as root, sshd wants this folder, which Debian makes at boot
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        # sshd insists on its own absolute path, because it executes itself for each connection.
        command = [sshd(), "-D", "-e", "-f", str(self.config)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        while True:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once together with its open connections, as a power cut does."""
        if self.process is None:
            return
        kill(self.process)
        self.process = None

    def url(self, folder: Path) -> str:
        """The address of a folder, for `dvc remote add`."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{folder}"

    def _new_key(self, name: str, passphrase: str = "") -> Path:
        path = self.folder / name
        command = [
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            passphrase,
            "-C",
            name,
            "-f",
            str(path),
        ]
        subprocess.run(command, check=True)
        return path


def sshd() -> str:
    """The path of the server's program; skips the test where it is not installed."""
    pytest.importorskip("dvc_ssh", reason="dvc-ssh is not installed: pip install 'jena-etl[ssh]'")
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("sshd", path=path)
    if not found or not shutil.which("ssh-keygen"):
        pytest.skip("no SSH server is installed: apt-get install openssh-server")
    return found
