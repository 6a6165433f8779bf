"""What several tests of the download need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.ingest.serving import Serve, running


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a server that runs until the test ends."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ExitStack() as stack:
        yield lambda *answers: stack.enter_context(running(*answers))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the downloads, in a project that is empty so far."""
    return tmp_path / "data/download"
