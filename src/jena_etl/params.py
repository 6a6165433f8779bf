"""params.yaml as frozen, validated objects: the only reader of that file.

The values live in params.yaml alone; here is what they may be. A model's own
block is declared beside the model, in `jena_etl.models`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from jena_etl.csv_dialect import Dialect, Names, Text
from jena_etl.errors import ParamsError
from jena_etl.text import nearest

REMOTE = ("http", "https")

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Order = Literal["forward", "reversed"]
Policy = Literal["reference", "strict", "lookback"]


class Block(BaseModel):
    """A block of params.yaml: frozen, unknown keys refused, types taken literally."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SourceFile(NamedTuple):
    """One file to fetch, and how it is known to be the right one; None accepts any."""

    url: str
    bytes: int | None = None
    sha256: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether a server has the file; if not, it lies on this machine."""
        return urlsplit(self.url).scheme in REMOTE

    @property
    def path(self) -> str:
        """The path in the URL, decoded; a url without a scheme is a path, taken literally."""
        parts = urlsplit(self.url)
        return unquote(parts.path) if parts.scheme else self.url

    @property
    def name(self) -> str:
        """The path's last part: what the file is called here."""
        return self.path.rpartition("/")[2]  # of what is decoded: %2F must not lead out of a folder

    @property
    def shown(self) -> str:
        """The URL for messages, without what may be secret: the query, and before an @."""
        return re.sub("(?s):.*@", "://", re.split("[?#]", self.url, maxsplit=1)[0])


def _source_url(url: str) -> str:
    """Refuse what cannot be fetched or holds a secret; no message repeats any of it."""
    if url != url.strip() or not url.isprintable():
        raise ValueError(
            "has a space at its start or end, a tab or another invisible character; remove it"
        )
    server = None
    try:
        parts = urlsplit(url)
        if parts.scheme in REMOTE:
            from urllib3.util import parse_url  # what requests reads it with, to fetch it

            server = parse_url(url)
    except ValueError:  # a bracket in the host, a port that is not a number
        raise ValueError("is not an address; copy it once more") from None
    if "@" in unquote(parts.netloc) or (server and server.auth is not None):
        raise ValueError("holds a user or password; write those in ~/.netrc instead")
    if parts.scheme not in (*REMOTE, "file", ""):
        raise ValueError(
            "starts with another scheme than http://, https:// or file://; fetch the file by "
            "other means and write its path"
        )
    if server and not server.host:
        raise ValueError("names no server; copy the address once more")
    if not server and parts.netloc not in ("", "localhost"):
        raise ValueError("names another machine; write a path, or file:/// and the full path")
    file = SourceFile(url)
    if file.name in ("", ".", "..") or not file.path.isprintable():
        raise ValueError("names no file; end it with the file's name")
    return url


def _as_tuple(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return value if value is None else (value,)


OneOrMore = BeforeValidator(_as_tuple)
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Download(Block):
    """Where the source files come from; one value stands for a list of one."""

    url: Annotated[tuple[Annotated[Text, AfterValidator(_source_url)], ...], OneOrMore]
    bytes: Annotated[tuple[Positive | None, ...] | None, OneOrMore]
    sha256: Annotated[tuple[Sha256 | None, ...] | None, OneOrMore]
    max_bytes: Positive

    @property
    def files(self) -> list[SourceFile]:
        """Each url with the bytes and the sha256 that are pinned for it."""
        any_will_do = (None,) * len(self.url)
        pins = (self.bytes or any_will_do, self.sha256 or any_will_do)
        return [SourceFile(*file) for file in zip(self.url, *pins, strict=True)]

    @model_validator(mode="after")
    def _fits_together(self) -> Download:
        urls = len(self.url)
        if not urls:
            raise ValueError("url is an empty list; write one url, or a list of one per file")
        for key in ("bytes", "sha256"):
            pins = getattr(self, key)
            if pins is not None and len(pins) != urls:
                msg = f"{key} has {len(pins)} entries, expected {urls}, one per url"
                raise ValueError(msg + "; write null where any will do, or null alone")
        names = [file.name.casefold() for file in self.files]
        if twice := next((name for name in names if name and names.count(name) > 1), None):
            msg = f"two urls end in {twice!r}, and one file would replace the other"
            raise ValueError(msg + "; write, for one, the path of a copy with another name")
        return self


class Convert(Block, Dialect):
    """How the CSV files are written, and what becomes of cells and rows that hold no measurement.

    Attributes:
        members: the CSV files in time order; None for the only one there is.
        units: of columns whose name does not end in one.
        sentinels: numbers that mean "not measured".
        on_sentinel: what becomes of them.
        on_missing: what becomes of cells that are empty, nan, NA or null.
        on_duplicate: what becomes of rows whose timestamp an earlier row has.
    """

    members: Names | None
    units: dict[str, Text]
    sentinels: Annotated[tuple[FiniteFloat, ...], Field(strict=False)]
    on_sentinel: Literal["fill_forward", "keep", "error"]
    on_missing: Literal["fill_forward", "error"]
    on_duplicate: Literal["keep", "first", "error"]
    on_frozen: Literal["keep", "missing"]

    @model_validator(mode="after")
    def _units_are_of_columns(self) -> Convert:
        for name in self.units:
            if name not in self.columns:
                raise ValueError(
                    f"units names {name!r}, which is not one of columns"
                    + nearest(name, self.columns)
                )
        return self


class Split(Block):
    """Fractions of the rows in time order; what is left over is the test split."""

    train: Fraction
    validation: Fraction
    policy: Policy

    @model_validator(mode="after")
    def _leaves_test_rows(self) -> Split:
        total = self.train + self.validation
        if total >= 1:
            msg = f"train + validation is {total:g} and leaves no test rows; keep it below 1"
            raise ValueError(msg)
        return self


class Window(Block):
    """One window: which rows it reads and which row it forecasts."""

    target: Text
    sequence_length: Positive
    sampling_rate: Positive
    horizon: Positive
    sequence_stride: Positive
    gaps: Literal["keep", "drop"]


class Train(Block):
    """What every architecture shares."""

    batch_size: Positive
    device: Literal["auto", "cpu", "gpu"]
    mixed_precision: bool
    deterministic: bool
    cpu_threads: Positive


class Params(Block):
    """All of params.yaml; the blocks of `models` are checked by `jena_etl.models`."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    download: Download
    convert: Convert
    split: Split
    window: Window
    train: Train
    architectures: Names
    models: dict[str, dict[str, Any]]

    @model_validator(mode="after")
    def _names_exist(self) -> Params:
        if self.window.target not in self.convert.columns:
            msg = f"window.target {self.window.target!r} is not one of convert.columns"
            raise ValueError(msg + nearest(self.window.target, self.convert.columns))
        for name in self.architectures:
            if name not in self.models:
                msg = f"architectures names {name!r}, but there is no block models.{name}"
                raise ValueError(msg + nearest(name, self.models))
        if len(set(self.architectures)) < len(self.architectures):
            raise ValueError("architectures names a model twice; name each once")
        return self


AnyBlock = TypeVar("AnyBlock", bound=Block)


def read_params(path: Path) -> Params:
    """Read and check params.yaml (YAML 1.2, as DVC writes it).

    Raises:
        ParamsError: no such file, no YAML, or a key or value that is not allowed.
    """
    return check(Params, load_yaml(path, YAML(typ="safe", pure=True)), "")


def load_yaml(path: Path, yaml: YAML) -> Any:
    """What a params.yaml holds, unchecked.

    Raises:
        ParamsError: no such file, or no YAML; the message does not repeat the text.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            f"{path.name} is missing in {path.parent}; run this in a jena-etl project folder"
        ) from None
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  of a date like 2009-13-45 ruamel makes a ValueError
        raise ParamsError(f"{path.name} is not YAML: {_without_its_text(error)}") from None


def _without_its_text(error: Exception) -> str:
    """Place and fault, but not the lines and values that ruamel quotes: a url may hold a secret."""
    if not isinstance(error, YAMLError | UnicodeDecodeError):
        return "a date, number, tag or nesting that cannot be read; write texts in quotation marks"
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    fault = str(error.problem).partition(" with value ")[0]  # of a key that is there twice
    if _has_address(fault):
        fault = "an address in a place where it cannot be; write it in quotation marks"
    return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {fault}"


def check(block: type[AnyBlock], raw: object, where: str) -> AnyBlock:
    """Validate one block; `where` is its dotted place in params.yaml, "" for the whole.

    Raises:
        ParamsError: one line per fault, each with the key's full name.
    """
    if not isinstance(raw, Mapping):
        place = where or "the file"
        raise ParamsError(f"params.yaml: {place} must be a block of keys, found {_found(raw)}")
    try:
        return block.model_validate(dict(raw))
    except ValidationError as error:
        lines = [f"params.yaml: {_fault(block, dict(fault), where)}" for fault in error.errors()]
        # Some checks name the value that they refuse, and some keys are values in a wrong place.
        text = re.sub(r"[^\s'\"]+://[^\s'\"]*@[^\s'\"]*", "(an address)", "\n".join(lines))
        raise ParamsError(text) from None


def _fault(block: type[Block], fault: dict[str, Any], where: str) -> str:
    # Without the place in a list: what was found shows which item it is, and may be the only one.
    keys = [key for key in fault["loc"] if isinstance(key, str)]
    full = ".".join([*([where] if where else []), *keys])
    if fault["type"] == "extra_forbidden":
        return f"{full} is not a key" + nearest(keys[-1], _fields(block, keys[:-1]))
    if fault["type"] == "missing":
        return f"{full} is missing; add it"
    message = fault["msg"].removeprefix("Value error, ")
    message = message.replace("valid tuple", "valid list")  # YAML's word for it
    if fault["type"] == "value_error":
        return f"{full}: {message}" if full else message
    found = _found(fault["input"], may_be_secret=full.startswith("download"))
    return f"{full}: {message[0].lower()}{message[1:]}, found {found}"


def _found(value: object, *, may_be_secret: bool = False) -> str:
    """A value for a message, or what kind it is where it may hold a password."""
    text = repr(value)
    if isinstance(value, str | list | tuple | Mapping) and (may_be_secret or _has_address(text)):
        kind = {str: "a text", list: "a list", tuple: "a list"}.get(type(value), "a block of keys")
        return f"{kind} that is not repeated here, as it may hold a password"
    return text


def _has_address(text: str) -> bool:
    return "://" in text or "@" in text


def _fields(block: type[Block], keys: list[str]) -> list[str]:
    for key in keys:
        annotation = block.model_fields[key].annotation
        if isinstance(annotation, type) and issubclass(annotation, Block):
            block = annotation
    return list(block.model_fields)
