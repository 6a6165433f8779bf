"""What a name can do to a terminal or to Markdown, and that no outlet lets it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from jena_etl.errors import DataError
from jena_etl.evaluation.intervals import Comparison
from jena_etl.evaluation.leaderboard import Entry, as_markdown, title
from jena_etl.evaluation.metrics import Scores
from jena_etl.ingest.source import SourceSummary
from jena_etl.prepare.outputs import Splits, StationList, WindowShape
from jena_etl.text import markdown, printable
from tests.command_line import jena_etl
from tests.pipeline.repository import Repo

BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
EVIL = f"rain\x1b[2J\x9b31m\r|<b>{BIDI}"
SHOWN = (
    r"rain\x1b[2J\x9b31m\r|<b>\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (EVIL, SHOWN),
        ("T (°C)\nline 2: Ω 風速", "T (°C)\nline 2: Ω 風速"),
        ("T\N{NO-BREAK SPACE}\t\ufeff\udc80\0", r"T\xa0\t\ufeff\udc80\x00"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_any_text_becomes_lines_that_can_be_printed(text: str) -> None:
    assert printable(text).replace("\n", "").isprintable()
    assert printable(printable(text)) == printable(text)


def test_an_error_is_escaped_as_text() -> None:
    assert str(DataError(f"no column {EVIL}")) == f"no column {SHOWN}"


# Outlets: a project whose file and params hold such names.


def is_safe(text: str) -> bool:
    """No character is left that steers a terminal or turns the order of the others about."""
    return not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c in BIDI for c in text)


def printed_by(*arguments: object, cwd: Path) -> str:
    done = jena_etl(*arguments, cwd=cwd)
    return done.stdout + done.stderr


NAMED = EVIL.replace("\r", "")  # a line end within a name is refused by the reader,
TEXT = NAMED.replace("\x1b", "")  # and an escape by peek, which looks for text


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> dict[str, str]:
    """What each stage prints where the target and a left-out column are so named."""
    root = tmp_path_factory.mktemp("evil")
    rows = [
        f"{at // 24 + 1:02}.01.2009 {at % 24:02}:00:00,{at % 7 or -9999},{at % 5},x"
        for at in range(1, 31 * 24)
    ]
    for file, name in (("a.csv", NAMED), ("peeked.csv", TEXT)):
        lines = [f"Date Time,{name},p (mbar),left{name}", *rows]
        (root / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for folder in ("src", "pipeline"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(checkout / folder, root / folder, ignore=ignore)
    yaml = YAML()
    params = yaml.load(checkout / "params.yaml")
    params["download"].update(url="a.csv", bytes=None)
    params["convert"].update(members=None, columns=[NAMED, "p (mbar)"])
    params["window"].update(target=NAMED, sequence_length=4, sampling_rate=1, horizon=2)
    yaml.dump(params, root / "params.yaml")
    printed = {
        stage: Repo(root).stage(stage)
        for stage in ("download", "convert", "features", "statistics", "splits", "arrays")
    }
    printed["inspect"] = printed_by("inspect", cwd=root)
    printed["inspect --json"] = printed_by("inspect", "--json", cwd=root)
    printed["peek"] = printed_by("peek", "peeked.csv", cwd=root)
    params["window"][NAMED] = 1
    yaml.dump(params, root / "params.yaml")
    printed["unknown key, inspect"] = printed_by("inspect", cwd=root)
    printed["unknown key, convert"] = Repo(root).stage("convert", fails=True)
    return printed


@pytest.mark.parametrize(
    "outlet",
    ["convert", "splits", "inspect", "peek", "unknown key, inspect", "unknown key, convert"],
)
def test_an_outlet_shows_such_a_name_escaped(said: dict[str, str], outlet: str) -> None:
    assert printable(TEXT if outlet == "peek" else NAMED) in said[outlet], said[outlet]
    assert is_safe(said[outlet])


def test_json_holds_the_name_itself_and_is_safe_to_print(said: dict[str, str]) -> None:
    assert is_safe(said["inspect --json"])
    assert json.loads(said["inspect --json"])["window"]["target"] == NAMED


def test_what_peek_prints_is_yaml_with_the_names_themselves(said: dict[str, str]) -> None:
    blocks, _, _ = said["peek"].partition("to write this to")  # what stderr adds
    block = YAML(typ="safe", pure=True).load(blocks)["convert"]
    assert block["columns"] == [TEXT, "p (mbar)"]


# Markdown.


def unescaped(line: str, sign: str) -> int:
    """How often `sign` stands in a line without a backslash before it that escapes it."""
    count = 0
    characters = iter(line)
    for character in characters:
        if character == "\\":
            next(characters, None)
        count += character == sign
    return count


def test_names_do_not_break_the_leaderboards_table() -> None:
    score = Scores(mae=1.0, rmse=1.0, bias=0.0, skill=0.5, windows=7)
    none = Comparison(None, None, None, "best")
    entries = [Entry(f"a{EVIL}`", 1, 5, {"validation": score, "test": score}, none)]
    splits = Splits.model_construct(  # type: ignore[call-arg]  # what a title tells
        target=f"T{EVIL}",
        policy="strict",
        gaps="keep",
        window=WindowShape(sequence_length=120, sampling_rate=6, horizon=24, sequence_stride=1),
    )
    source = SourceSummary(name="a*b.zip", synthetic=False, files=(), members=())
    stations = StationList(first=None, further=(), unseen=(), statistics="pooled")
    text = as_markdown(entries, title(splits, source, stations), None, stations)
    assert is_safe(text)
    assert [unescaped(text, sign) for sign in "<>`*["] == [0, 0, 0, 0, 0]
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert [unescaped(line, "|") for line in table] == [13, 13, 13]


@pytest.mark.parametrize("show", [printable, markdown])
def test_ordinary_names_stay_as_they_are(show: Callable[[str], str]) -> None:
    name = "T (degC), 24 steps of 6 rows ahead, policy reference, jena_climate_2009_2016.csv.zip"
    assert show(name) == name
