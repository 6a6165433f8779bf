"""Reads and checks a block of params.yaml, and says what is wrong with it.

No message repeats a text that may hold a password, such as the address of a download.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from jena_etl.errors import ParamsError
from jena_etl.text import nearest

# How "none" is written for the keys whose entries one may comment out until nothing is left.
NONE = {
    "convert.sentinels": "[]",
    "convert.units": "{}",
    "ensembles": "{}",
    "features": "[]",
    "further_horizons": "[]",
    "further_seeds": "[]",
    "rolling_origin.origins": "[]",
    "split.dates": "[]",
    "stations.further": "{}",
    "stations.unseen": "[]",
}


class Block(BaseModel):
    """A block of params.yaml: frozen, unknown keys refused, types taken literally."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


AnyBlock = TypeVar("AnyBlock", bound=Block)
Value = TypeVar("Value", int, str)


def load_yaml(path: Path, yaml: YAML | None = None) -> Any:
    """Load a params.yaml, in YAML 1.2, as DVC writes it, without checking its values.

    Args:
        path: the file.
        yaml: what reads it, if it has to keep the comments.

    Raises:
        ParamsError: the file is missing or is not YAML; the message does not repeat its text.
    """
    try:
        return (yaml or YAML(typ="safe", pure=True)).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            f"{path.name} is missing in {path.parent}; run this in a jena-etl project folder"
        ) from None
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  ruamel raises a ValueError for 2009-13-45
        raise ParamsError(f"{path.name} is not YAML: {_without_its_text(error)}") from None


def _without_its_text(error: Exception) -> str:
    """Where and what the fault is, without the text ruamel quotes: a URL may hold a secret."""
    if not isinstance(error, YAMLError | UnicodeDecodeError):
        return "a date, number, tag or nesting that cannot be read; put text in quotation marks"
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    fault = str(error.problem).partition(" with value ")[0]  # for a repeated key
    if _has_address(fault):
        fault = "an address cannot stand here as it is; put it in quotation marks"
    return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {fault}"


def check(block: type[AnyBlock], raw: object, where: str) -> AnyBlock:
    """Validate one block; `where` is its dotted path in params.yaml, "" for the whole file.

    Raises:
        ParamsError: one line per fault, each with the key's full name.
    """
    if not isinstance(raw, Mapping):
        place = where or "the file"
        raise ParamsError(f"params.yaml: {place} must be a block of keys, found {_found(raw)}")
    try:
        return block.model_validate(dict(raw))
    except ValidationError as error:
        faults = [dict(fault) for fault in error.errors() if not _follows_from_another(fault)]
        lines = [f"params.yaml: {_fault(block, fault, where)}" for fault in faults]
        # A check may quote the value it refuses, and a key may be a misplaced value.
        text = re.sub(r"[^\s'\"]+://[^\s'\"]*@[^\s'\"]*", "(an address)", "\n".join(lines))
        raise ParamsError(text) from None


def check_known(name: str, known: Collection[str], fault: str) -> None:
    """Refuse a name that is not a known one, for the reason `fault`; says which is the nearest.

    Raises:
        ValueError: as pydantic expects of a check.
    """
    if name not in known:
        raise ValueError(fault + nearest(name, known))


def listed(text: str, key: str, values: Iterable[Value]) -> Value:
    """The one of the values of `key` that a command line names.

    Raises:
        ParamsError: it is not one of them.
    """
    found = {str(value): value for value in values}
    if text not in found:
        raise ParamsError(
            f"{text} is not one of {key} {list(found.values())} in params.yaml; add it"
        )
    return found[text]


def _follows_from_another(fault: Mapping[str, Any]) -> bool:
    """Whether a list is called too short only because one of its items is wrong."""
    is_short = fault["type"] == "too_short"
    return is_short and len(fault["input"]) >= int(fault["ctx"]["min_length"])


def _fault(block: type[Block], fault: dict[str, Any], where: str) -> str:
    # Without list indices: the value shown says which item it is, and a scalar has no index.
    keys = [key for key in fault["loc"] if isinstance(key, str) and key != "[key]"]
    full = ".".join([*([where] if where else []), *keys])
    if fault["type"] == "extra_forbidden":
        return f"{full} is not a key" + nearest(keys[-1], _fields(block, keys[:-1]))
    if fault["type"] == "missing":
        return f"{full} is missing; add it"
    message = fault["msg"].removeprefix("Value error, ")
    message = re.sub(r"\b[Tt]uple\b", "list", message)  # YAML's words for it
    message = re.sub(r"dictionary( or object to extract fields from)?", "block of keys", message)
    message = re.sub(r" or instance of \w+$", "", message)  # a class, of which a user knows nothing
    if fault["type"] == "union_tag_invalid":  # a block of several kinds, such as a feature
        kind = str(fault["ctx"]["tag"])
        kinds = re.findall("'([^']*)'", fault["ctx"]["expected_tags"])
        return f"{full}: there is no kind {kind!r}" + nearest(kind, kinds)
    if fault["type"] == "union_tag_not_found":
        message = "kind is missing, which says what the block asks for"
    if fault["type"] == "value_error":
        return f"{full}: {message}" if full else message
    found = _found(fault["input"], may_be_secret="download" in full.split("."))
    advice = f"; write {NONE[full]} for none" if full in NONE and fault["input"] is None else ""
    return f"{full}: {message[0].lower()}{message[1:]}, found {found}{advice}"


def _found(value: object, *, may_be_secret: bool = False) -> str:
    """A value to show in a message, or only its type if it may hold a password."""
    text = repr(value)
    if isinstance(value, str | list | tuple | Mapping) and (may_be_secret or _has_address(text)):
        kind = {str: "a text", list: "a list", tuple: "a list"}.get(type(value), "a block of keys")
        return f"{kind}, which is not repeated here because it may hold a password"
    return text


def _has_address(text: str) -> bool:
    return "://" in text or "@" in text


def _fields(block: type[Block], keys: list[str]) -> list[str]:
    """The keys of a block within `block`, which may be one of those that users name themselves."""
    within: Any = block
    for key in keys:
        if get_origin(within) is dict:
            within = get_args(within)[1]
        elif key in (fields := getattr(within, "model_fields", {})):
            within = fields[key].annotation
    return list(getattr(within, "model_fields", {}))
