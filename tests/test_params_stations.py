"""The block `stations` of params.yaml: what it may say, and what it takes from the other blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from jena_etl.errors import ParamsError
from jena_etl.params import Params, read_params

POTSDAM = {"download": {"url": "potsdam.zip"}}


@pytest.fixture
def read(checkout: Path, tmp_path: Path) -> Callable[[dict[str, Any]], Params]:
    """Reads the checkout's params.yaml with these stations."""
    yaml = YAML()
    content = yaml.load(checkout / "params.yaml")

    def changed(stations: dict[str, Any], **others: Any) -> Params:
        content["stations"].update({"first": "jena"} | stations)
        content.update(others)
        yaml.dump(content, tmp_path / "params.yaml")
        return read_params(tmp_path / "params.yaml")

    return changed


def test_a_station_takes_from_the_blocks_what_it_does_not_say_itself(read: Any) -> None:
    own = {"separator": ";", "members": ["a.csv", "b.csv"]}
    params = read({"further": {"potsdam": POTSDAM | {"convert": own}}})
    dialect = params.station_dialect("potsdam")
    assert (dialect.separator, dialect.members) == (";", ("a.csv", "b.csv"))
    assert dialect.columns == params.convert.columns
    assert params.stations.names == ("jena", "potsdam")


def test_what_names_the_first_station_s_files_is_not_taken_over(read: Any) -> None:
    """Its digest and size would refuse every other file, and its CSV may have another name."""
    params = read({"further": {"potsdam": POTSDAM}})
    assert params.download.bytes
    sources = params.station_sources("potsdam")
    assert (sources.bytes, sources.sha256) == (None, None)
    assert sources.max_bytes == params.download.max_bytes
    assert params.station_dialect("potsdam").members is None


def test_a_project_with_one_station_has_no_names(checkout: Path) -> None:
    stations = read_params(checkout / "params.yaml").stations
    assert stations.names == ()
    assert stations.first is None


SECRET = {"download": {"url": "https://ann:s3cret@example.org/a.zip"}}
REFUSED = {
    "further.north-sea: 'north-sea' cannot be the name": {"further": {"north-sea": POTSDAM}},
    f"further.{'a' * 61}: '{'a' * 61}' is too long for the name of a station": {
        "further": {"a" * 61: POTSDAM}
    },
    "further.a.downlaod is not a key; did you mean 'download'": {
        "further": {"a": {"downlaod": SECRET["download"]}}
    },
    "further.a.url is not a key": {"further": {"a": SECRET["download"]}},
    "further.a: input should be a valid block of keys, found a text, which is not repeated": {
        "further": {"a": SECRET["download"]["url"]}
    },
    "further.a: input should be a valid block of keys, found None": {"further": {"a": None}},
    "further.a.download is missing; add it": {"further": {"a": {}}},
    "further.a.download.url is missing; add it": {"further": {"a": {"download": {}}}},
    "further.a.download.uri is not a key; did you mean 'url'?": {
        "further": {"a": {"download": {"uri": "a.zip"}}}
    },
    "further.a.download.url: holds a user name or password": {"further": {"a": SECRET}},
    "further.a.convert.seperator is not a key": {
        "further": {"a": POTSDAM | {"convert": {"seperator": ";"}}}
    },
    "further.a: convert.columns cannot differ": {
        "further": {"a": POTSDAM | {"convert": {"columns": ["T"]}}}
    },
    "two stations are called 'jena'": {"further": {"Jena": POTSDAM}},
    "first is empty; give the station": {"first": None, "further": {"a": POTSDAM}},
    "unseen names 'b', which is not one of further; did you mean 'a'": {
        "further": {"a": POTSDAM}, "unseen": ["b"],
    },
    "further: input should be a valid block of keys, found None; write stations.further: {}": {
        "further": None
    },
    "statistics: input should be 'pooled' or 'per_station'": {"statistics": "own"},
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused(read: Any, message: str) -> None:
    with pytest.raises(ParamsError) as error:
        read(REFUSED[message])
    assert message.partition(";")[0] in str(error.value)
    assert str(error.value).startswith("params.yaml: stations")
    assert "s3cret" not in str(error.value)


def test_what_is_for_one_station_alone_is_refused(read: Any) -> None:
    with pytest.raises(ParamsError, match=r"^params.yaml: further_horizons is for a project with"):
        read({"further": {"a": POTSDAM}}, further_horizons=[1])


def test_a_station_that_is_not_listed(read: Any) -> None:
    params = read({"further": {"potsdam": POTSDAM}})
    with pytest.raises(ParamsError, match=r"^b is not one of stations.further \['potsdam'\] in"):
        params.station_dialect("b")
