"""The tests' own `python` does what a new one does, sooner."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.warm_python import NEW_PYTHON, warm_python

SHOW = "import os, sys; print(sys.argv, sys.path[0], os.getcwd(), os.environ['WORD'], __name__)"
# Python imports it as it starts; tests/pipeline/repository.py has one that says what was imported.
AT_START = """
import atexit, sys

def show():
    print(sys.argv, getattr(sys.modules["__main__"].__spec__, "origin", ""), "has ended")

atexit.register(show)
"""
FILES = {
    "shown.py": SHOW,
    "package/__init__.py": "",
    "package/shown.py": SHOW,
    "package/__main__.py": SHOW,
    "on_path/sitecustomize.py": AT_START,
}


@pytest.mark.parametrize(
    "command",
    [
        ("-c", SHOW, "a", "b"),
        ("-m", "package.shown", "a"),
        ("shown.py", "a"),
        ("-m", "package.nowhere"),
        ("-m", "package"),
        ("-c", "import sys; sys.stderr.write(sys.stdin.read()); sys.exit(3)"),
        ("-c", "import sys; sys.exit('a word')"),
        ("-c", "import os; os._exit(9)"),
        ("-c", "import os; os.kill(os.getpid(), 9)"),
        ("-c", "import atexit; atexit.register(print, 'ended')"),
        ("--version",),
    ],
)
def test_it_does_what_a_new_python_does(command: tuple[str, ...], tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    ended = []
    for python in (NEW_PYTHON, warm_python()):
        done = subprocess.run(
            [python, *command],
            cwd=tmp_path,
            env=os.environ | {"WORD": "ä", "PYTHONPATH": str(tmp_path / "on_path")},
            input="typed",
            capture_output=True,
            text=True,
            check=False,
        )
        last_line = done.stderr.splitlines()[-1:]
        ended.append((done.returncode, done.stdout, last_line))
    assert ended[0] == ended[1]


def test_it_has_the_large_libraries_and_none_of_the_project() -> None:
    code = "import sys; print([n in sys.modules for n in ('tensorflow', 'polars', 'jena_etl')])"
    done = subprocess.run([warm_python(), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[True, True, False]\n"
