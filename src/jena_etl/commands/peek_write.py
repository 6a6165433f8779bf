"""Shows a guess as text, and writes it to a project's params.yaml."""

from __future__ import annotations

import textwrap
from io import StringIO
from os.path import relpath
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from jena_etl.commands.edit_params import edit_params, params_writer
from jena_etl.commands.peek import REFERENCE_SPLIT, Guess
from jena_etl.errors import JenaEtlError, ProjectError
from jena_etl.files import sha256_of
from jena_etl.params import Split, read_params
from jena_etl.project import Project, find_project
from jena_etl.text import printable

WIDTH = 100


def render_guess(guess: Guess) -> str:
    """The two blocks as YAML, ready to paste, with the notes and reasons as comments."""
    writer = params_writer()
    writer.width = 10 * WIDTH  # no value is folded
    text = StringIO()
    for note in guess.notes:
        text.write(_comment(note, "# ") + "\n")
    for name, block in (("convert", guess.convert), ("window", guess.window)):
        explained = CommentedMap()
        for key, value in block.model_dump(mode="json").items():
            explained[key] = _quoted(value)
            if reasons := guess.reasons[f"{name}.{key}"]:
                lines = "\n".join(_comment(reason, "") for reason in reasons)
                explained.yaml_set_comment_before_after_key(key, before=lines, indent=2)
        text.write("\n")
        writer.dump({name: explained}, text)
    return printable(text.getvalue())


def split_in_force() -> Split:
    """The splits of the current project; outside a project, those of the reference."""
    try:
        return read_params(find_project().params_yaml).split
    except JenaEtlError:  # peek also helps before there is a project or a valid params.yaml
        return REFERENCE_SPLIT


def write_guess(guess: Guess, file: Path, project: Project) -> list[str]:
    """Write a guess, and the file it was made for, to the project's params.yaml.

    If the result would not be a valid params.yaml, nothing is written.

    Returns:
        A line for each key that was changed.

    Raises:
        ProjectError: the file lies in the download stage's own folder.
        ParamsError: params.yaml cannot be read, or another of its blocks contains a mistake.
    """
    blocks = {
        "download": {
            "url": _url(file, project),
            "bytes": file.stat().st_size,
            "sha256": sha256_of(file),
        },
        "convert": guess.convert.model_dump(mode="json"),
        "window": guess.window.model_dump(mode="json"),
        "report": {"label": None, "credit": None},  # those of the station before
    }
    changes: list[str] = []

    def change(params: Any) -> None:
        for name, block in blocks.items():
            if not isinstance(params.get(name), dict):
                params[name] = {}
            for key, value in block.items():
                old = params[name].get(key)
                if old != value:
                    params[name][key] = value
                    # The old address is not shown, as it may contain a token.
                    changed = _shown(value) if name == "download" else _change(old, value)
                    changes.append(f"  {name}.{key}: {changed}")

    edit_params(project.params_yaml, change)
    return changes


def _url(file: Path, project: Project) -> str:
    """The file's path, relative to the project if a colleague's clone may have it too."""
    path, root = file.resolve(), project.root.resolve()
    if path.is_relative_to(project.downloads.resolve()):
        raise ProjectError(
            f"{file} lies in the download stage's own folder; move it to data/raw and run peek on "
            "it there"
        )
    if not path.is_relative_to(root) and file.is_absolute():
        return str(file)
    url = Path(relpath(path, root)).as_posix()
    return f"./{url}" if urlsplit(url).scheme else url


def _quoted(value: Any) -> Any:
    """The value, with quotation marks around strings in which something must be escaped."""
    if isinstance(value, str):
        return value if value.isprintable() else DoubleQuotedScalarString(value)
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    if isinstance(value, dict):
        return {_quoted(name): _quoted(item) for name, item in value.items()}
    return value


def _comment(text: str, start: str) -> str:
    return textwrap.fill(
        printable(text),
        width=WIDTH - 4,
        initial_indent=start,
        subsequent_indent=f"{start}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _change(old: Any, new: Any) -> str:
    if not (isinstance(old, list) and isinstance(new, list)):
        return f"{_shown(old)} -> {_shown(new)}"
    added = ", ".join(str(item) for item in new if item not in old)
    removed = ", ".join(str(item) for item in old if item not in new)
    parts = [f"with {added}"] * bool(added) + [f"without {removed}"] * bool(removed)
    return "; ".join(parts or ["in another order"])


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items()) or "none"
    return "empty" if value is None else str(value)
