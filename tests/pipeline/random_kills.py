"""Kills at random moments of a whole small build, each completed with the same bytes.

Run by hand, in the checkout, as forty kills take one to two hours:

    python -m tests.pipeline.random_kills --kills 40 --seed 0

Each kill ends all processes that `dvc repro` has started, as a machine that goes off does. Every
second one strikes at a moment drawn evenly over the build; the others just after DVC has opened one
of its own files for writing, which an even draw would seldom meet. After it, `dvc repro` must
complete the build, with at most one `jena-etl doctor --mend` before it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from jena_etl.files import sha256_of
from tests.pipeline.repository import Repo, unbuilt
from tests.warm_python import NEW_PYTHON

CHECKOUT = Path(__file__).resolve().parents[2]
OWN_FILES = (".dvc/tmp/rwlock", "dvc.lock")
BUILT = ("data", "models", "reports")


class Build:
    """A `dvc repro`, in a process group of its own."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.repo.python = NEW_PYTHON  # whose processes end with their group
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro", "-q"],
            cwd=repo.root,
            env=repo.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def writes(self, most: int) -> int:
        """Wait until DVC has opened its own files for writing `most` times; return how often."""
        seen: dict[str, int] = {}
        count = 0
        while count < most and self.process.poll() is None:
            for name in OWN_FILES:
                try:
                    written = (self.repo.root / name).stat().st_mtime_ns
                except FileNotFoundError:
                    continue
                count += seen.get(name) != written
                seen[name] = written
        return count

    def kill(self) -> bool:
        """End every process of the build; False if it had ended by itself."""
        at_work = self.process.poll() is None
        if at_work:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return at_work


def digests(repo: Repo) -> dict[str, str]:
    """Of dvc.lock and of every file that the build has written."""
    files = [repo.root / "dvc.lock"]
    files += [file for folder in BUILT for file in (repo.root / folder).rglob("*")]
    found = {f.relative_to(repo.root).as_posix(): sha256_of(f) for f in files if f.is_file()}
    return {name: digest for name, digest in found.items() if not name.endswith(".gitignore")}


def completed(repo: Repo) -> str:
    """Complete the build; return how, or raise CalledProcessError."""
    repro = [sys.executable, "-m", "dvc", "repro", "-q"]
    mend = [sys.executable, "-c", "from jena_etl.cli import run; run()", "doctor", "--mend"]
    options = {"cwd": repo.root, "env": repo.environment, "capture_output": True, "text": True}
    first = subprocess.run(repro, check=False, **options)  # type: ignore[call-overload]
    if first.returncode == 0:
        return "dvc repro"
    told = subprocess.run(mend, check=False, **options).stderr  # type: ignore[call-overload]
    subprocess.run(repro, check=True, **options)  # type: ignore[call-overload]
    return f"doctor --mend ({' '.join(told.split())}), dvc repro"


def main() -> None:
    """Build once, then kill and complete as often as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)  # noqa: S311  not for secrets
    with TemporaryDirectory() as folder:
        new = unbuilt(Path(folder) / "new", CHECKOUT, "dense")
        whole = Build(new.copy(Path(folder) / "whole"))
        writes = whole.writes(sys.maxsize)
        seconds = time.monotonic() - whole.started
        expected = digests(whole.repo)
        print(f"a build: {seconds:.1f} s, {writes} writes of DVC's own", flush=True)  # noqa: T201
        struck = mended = 0
        while struck < arguments.kills:
            repo = new.copy(Path(folder) / "killed")
            build = Build(repo)
            if struck % 2:
                at = f"at write {build.writes(draw.randint(1, writes))}"
                time.sleep(draw.choice([0, 0, 0.001]))
            else:
                delay = draw.uniform(0, seconds)
                at = f"after {delay:.1f} s"
                time.sleep(delay)
            if build.kill():
                struck += 1
                how = completed(repo)
                mended += how.startswith("doctor")
                print(f"kill {struck} {at}: completed by {how}", flush=True)  # noqa: T201
                if (found := digests(repo)) != expected:
                    names = sorted(dict(found.items() ^ expected.items()))
                    sys.exit(f"other bytes than those of an uninterrupted build: {names}")
            shutil.rmtree(repo.root)
            shutil.rmtree(repo.imports)
        print(f"{struck} kills, all completed with equal bytes, {mended} mended")  # noqa: T201


if __name__ == "__main__":
    main()
