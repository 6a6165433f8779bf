from __future__ import annotations

import copy
import random
import re
import shlex
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from jena_etl.errors import ParamsError
from jena_etl.evaluation.predictions import BASELINES
from jena_etl.models import configure, configure_all, names
from jena_etl.params import Download, Params, SourceFile, read_params
from jena_etl.params_check import check

yaml = YAML()


@pytest.fixture(scope="module")
def values(checkout: Path) -> dict[str, Any]:
    """What stands in the checkout's params.yaml."""
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(checkout / "params.yaml")
    return content


@pytest.fixture
def edited(tmp_path: Path, values: dict[str, Any]) -> Callable[..., Path]:
    """Write the checkout's params.yaml with one dotted key changed, or removed."""

    def edit(key: str, *value: Any) -> Path:
        params = copy.deepcopy(values)
        *path, last = key.split(".")
        block = params
        for step in path:
            block = block[step]
        if value:
            block[last] = value[0]
        else:
            del block[last]
        yaml.dump(params, tmp_path / "params.yaml")
        return tmp_path / "params.yaml"

    return edit


def test_the_checkouts_values_are_the_references(checkout: Path) -> None:
    params = read_params(checkout / "params.yaml")
    window = params.window
    assert (window.sequence_length, window.sampling_rate, window.horizon) == (120, 6, 24)
    assert window.sequence_stride == 1
    assert window.target == "T (degC)"
    assert (params.split.train, params.split.validation, params.split.policy) == (
        0.5,
        0.25,
        "reference",
    )
    assert params.train.batch_size == 256
    assert len(params.convert.columns) == 14
    assert (params.convert.on_duplicate, params.window.gaps) == ("keep", "keep")
    url = "https://s3.amazonaws.com/keras-datasets/jena_climate_2009_2016.csv.zip"
    assert params.download.files == [SourceFile(url, 13_565_642, None)]
    for name in params.architectures:
        model: Any = configure(name, params.models[name])
        assert (model.optimizer, model.learning_rate) == ("rmsprop", 0.001)


def test_every_architecture_has_a_block(checkout: Path) -> None:
    assert set(names()) == set(read_params(checkout / "params.yaml").models)


def test_training_is_not_sharded_unless_params_say_so(edited: Callable[..., Path]) -> None:
    """A params.yaml of before the setting remains valid."""
    assert read_params(edited("train.shards")).train.shards == 1


def test_params_are_frozen(checkout: Path) -> None:
    params = read_params(checkout / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.window.horizon = 1  # type: ignore[misc]


def test_a_number_in_exponents_is_a_number(edited: Callable[..., Path]) -> None:
    path = edited("seed", 1)
    text = path.read_text().replace("learning_rate: 0.001", "learning_rate: 1e-3")
    path.write_text(text)
    params = read_params(path)
    lstm: Any = configure("lstm", params.models["lstm"])
    assert lstm.learning_rate == 0.001


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "window.sequence_lenght",
            3,
            "window.sequence_lenght is not a key; did you mean 'sequence_length'?",
        ),
        ("sede", 3, "sede is not a key; did you mean 'seed'?"),
        (
            "window.horizon",
            0,
            "window.horizon: input should be greater than 0, found 0",
        ),
        ("window.horizon", -1, "window.horizon: "),
        ("window.horizon", "24", "window.horizon: input should be a valid integer, found '24'"),
        ("window.horizon", 1.5, "window.horizon: input should be a valid integer"),
        ("window.horizon", True, "window.horizon: input should be a valid integer, found True"),
        ("window", 3, "window: "),
        ("split.train", 1.5, "split.train: input should be less than 1, found 1.5"),
        ("train.shards", 3, "train: batch_size 256 is not a multiple of shards 3"),
        ("split.train", 0.75, "split: train + validation is 1, which leaves no test rows"),
        (
            "split.policy",
            "strickt",
            "split.policy: input should be 'reference', 'strict' or 'lookback', found 'strickt'",
        ),
        (
            "window.target",
            "T (degF)",
            "window.target 'T (degF)' is not one of convert.columns; did you mean 'T (degC)'?",
        ),
        ("convert.columns", [], "convert.columns: "),
        ("convert.columns", ["T (degC)", "T (degC)"], "convert: columns names 'T (degC)' twice"),
        ("convert.columns", "T (degC)", "convert.columns: "),
        ("convert.member", "a.csv", "convert.member is not a key; did you mean 'members'?"),
        ("convert.members", [], "convert.members: "),
        ("convert.members", "a.csv", "convert.members: "),
        ("convert.encoding", "utf8000", "convert.encoding: 'utf8000' is not a text encoding"),
        (
            "convert.encoding",
            "hex",
            "convert.encoding: 'hex' is not a text encoding that Python knows",
        ),
        ("convert.encoding", "a\0b", "convert.encoding: "),
        ("convert.separator", ";;", "convert.separator: ';;' cannot separate fields; set one"),
        ("convert.separator", "", "convert.separator: "),
        ("convert.separator", '"', "convert.separator: "),
        ("convert.separator", "\N{MIDDLE DOT}", "convert.separator: "),
        ("convert.decimal", ";", "convert.decimal: input should be '.' or ',', found ';'"),
        ("convert.decimal", ",", "convert: decimal and separator are both ','"),
        (
            "convert.datetime_column",
            "T (degC)",
            "convert: columns names 'T (degC)', the datetime_column; remove it there",
        ),
        (
            "convert.units",
            {"T (degF)": "F"},
            "convert: units names 'T (degF)', which is not one of columns; did you mean 'T (degC)'",
        ),
        ("convert.units", {"T (degC)": 1}, "convert.units.T (degC): "),
        ("convert.sentinels", [float("nan")], "convert.sentinels: input should be a finite"),
        ("convert.sentinels", ["-9999"], "convert.sentinels: input should be a valid number"),
        ("convert.sentinels", -9999.0, "convert.sentinels: "),
        ("convert.on_sentinel", "fill", "convert.on_sentinel: input should be 'fill_forward', "),
        ("convert.on_missing", "keep", "convert.on_missing: input should be 'fill_forward' or "),
        ("convert.on_duplicate", "last", "convert.on_duplicate: input should be 'keep', 'first'"),
        ("split.validation", -0.25, "split.validation: input should be greater than 0"),
        ("window.sequence_length", -1, "window.sequence_length: "),
        (
            "architectures",
            ["lstn"],
            "architectures names 'lstn', but there is no block models.lstn; did you mean 'lstm'?",
        ),
        ("architectures", ["lstm", "lstm"], "architectures names a model twice"),
        (
            "ensembles",
            None,
            "ensembles: input should be a valid block of keys, found None; write {}",
        ),
        ("ensembles", {"e": None}, "ensembles.e: input should be a valid list, found None"),
        ("ensembles", {"e": []}, "ensembles.e: list should have at least 1 item"),
        ("ensembles", {"e": ["lstm", "lstm"]}, "ensembles.e must name at least two architectures"),
        (
            "further_seeds",
            None,
            "further_seeds: input should be a valid list, found None; write []",
        ),
        ("further_seeds", 3, "further_seeds: input should be a valid list, found 3"),
        ("further_seeds", ["1"], "further_seeds: input should be a valid integer, found '1'"),
        ("further_seeds", [-1], "further_seeds: input should be greater than or equal to 0"),
        ("further_seeds", [0], "further_seeds: 0 appears twice in seed and further_seeds"),
        ("further_seeds", [3, 4, 3], "further_seeds: 3 appears twice"),
        (
            "further_horizons",
            None,
            "further_horizons: input should be a valid list, found None; write []",
        ),
        (
            "convert.sentinels",
            None,
            "convert.sentinels: input should be a valid list, found None; write []",
        ),
        (
            "convert.units",
            None,
            "convert.units: input should be a valid block of keys, found None; write {}",
        ),
        ("further_horizons", 6, "further_horizons: input should be a valid list, found 6"),
        ("further_horizons", [0], "further_horizons: input should be greater than 0"),
        ("further_horizons", [1.5], "further_horizons: input should be a valid integer, found 1.5"),
        ("further_horizons", [6, 24], "further_horizons: 24 appears twice in window.horizon"),
        ("further_horizons", [6, 1, 6], "further_horizons: 6 appears twice in window.horizon"),
        ("split.dates", ["2013-01-01"], "split: dates must be two in time order, at which val"),
        ("split.dates", ["2014-01-01", "2013-01-01"], "split: dates must be two in time order"),
        (
            "split.dates",
            ["2013", "2014-01-01"],
            "split.dates: '2013' is not a date such as",
        ),
        (
            "split.dates",
            None,
            "split.dates: input should be a valid list, found None; write []",
        ),
        ("rolling_origin.gap", -1, "rolling_origin.gap: input should be greater than or equal"),
        ("rolling_origin.test_rows", 0, "rolling_origin.test_rows: input should be greater"),
        ("rolling_origin.origin", [], "rolling_origin.origin is not a key; did you mean 'origins'"),
        (
            "rolling_origin.origins",
            [date(2013, 1, 1)],
            "rolling_origin.origins: 2013-01-01 is read as a date, not as text; put it in quot",
        ),
        ("rolling_origin.origins", ["2013"], "rolling_origin.origins: '2013' is not a date such"),
        ("rolling_origin.origins", ["2013-02-30"], "rolling_origin.origins: '2013-02-30' is not"),
        ("rolling_origin.origins", ["2013-01-01T06:00"], "rolling_origin.origins: '2013-01-01T06:"),
        ("rolling_origin.origins", ["../../2013-01-01"], "rolling_origin.origins: '../../2013-"),
        (
            "rolling_origin.origins",
            ["2014-01-01", "2013-01-01"],
            "rolling_origin: origins must be in time order, each once",
        ),
        (
            "rolling_origin.origins",
            ["2014-01-01", "2014-01-01T00"],
            "rolling_origin: origins must be in time order, each once",
        ),
        (
            "download.sha256",
            "abc",
            "download.sha256: string should match pattern '^[0-9a-f]{64}$', found a text",
        ),
        ("download.sha256", ["A" * 64], "download.sha256: string should match"),
        (
            "download.bytes",
            0,
            "download.bytes: input should be greater than 0, found 0",
        ),
        ("download.bytes", [0], "download.bytes: input should be greater"),
        ("download.bytes", "9", "download.bytes: input should be a valid integer, found a text"),
        ("download.bytes", [], "download: bytes has 0 entries, expected 1"),
        ("download.bytes", [1, None], "download: bytes has 2 entries, expected 1, one per url; "),
        ("download.url", None, "download.url: input should be a valid list, found None"),
        ("download.url", 3, "download.url: input should be a valid string, found 3"),
        ("download.url", [], "download: url is an empty list; write one url, or a list of"),
        ("download.url", ["a.csv", ""], "download.url: string should have at least 1 character"),
        ("download.url", ["a.csv", "b.csv"], "download: bytes has 1 entries, expected 2, one per"),
        ("convert.columns", 3, "convert.columns: input should be a valid list, found 3"),
        (
            "train.device",
            "tpu",
            "train.device: input should be 'auto', 'cpu' or 'gpu', found 'tpu'",
        ),
        ("seed", -1, "seed: "),
    ],
)
def test_a_mistake_is_named(edited: Callable[..., Path], key: str, value: Any, said: str) -> None:
    with pytest.raises(ParamsError) as caught:
        read_params(edited(key, value))
    assert f"params.yaml: {said}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["best", *BASELINES, "lstm", "LSTM", "my mix", "my-mix"])
def test_no_ensemble_is_called_like_anything_else(edited: Callable[..., Path], name: str) -> None:
    path = edited("ensembles", {name: ["lstm", "dense"]})
    with pytest.raises(ParamsError, match=f"ensembles.{name} must be called something else"):
        read_params(path)


def test_two_ensembles_that_differ_in_case(edited: Callable[..., Path]) -> None:
    path = edited("ensembles", {"both": ["lstm", "dense"], "Both": ["lstm", "dense"]})
    with pytest.raises(ParamsError, match=r"ensembles\.Both must be called something else"):
        read_params(path)


def test_the_members_of_an_ensemble(edited: Callable[..., Path]) -> None:
    params = read_params(edited("ensembles", {"both": ["lstm", "dense"]}))
    assert params.members("both") == ("lstm", "dense")
    with pytest.raises(
        ParamsError, match=r"^bth is not one of ensembles \['both'\] in params.yaml"
    ):
        params.members("bth")


def test_a_list_with_a_wrong_item_is_not_called_too_short() -> None:
    block = {"order": "forward", "penalties": [0.0]}
    with pytest.raises(ParamsError) as caught:
        configure("ridge", block)
    assert str(caught.value).splitlines() == [
        "params.yaml: models.ridge.penalties: input should be greater than 0, found 0.0"
    ]


def test_a_missing_key_is_named(edited: Callable[..., Path]) -> None:
    with pytest.raises(ParamsError, match=r"^params.yaml: window.horizon is missing; add it$"):
        read_params(edited("window.horizon"))


def test_urls_and_pins_go_in_pairs(edited: Callable[..., Path]) -> None:
    def pairs(**download: Any) -> list[SourceFile]:
        path = edited("seed", 1)
        params = yaml.load(path)
        params["download"] = {"max_bytes": 1, **download}
        yaml.dump(params, path)
        return read_params(path).download.files

    sha = "0f" * 32
    urls = ["https://host/a%20b.csv?token=t0ken", "data/a%20b.csv"]
    assert pairs(url="a.zip", bytes=None, sha256=sha) == [SourceFile("a.zip", None, sha)]
    assert pairs(url=["a.zip"], bytes=7, sha256=None) == [SourceFile("a.zip", 7, None)]
    listed = pairs(url=urls, bytes=[7, None], sha256=[None, sha])
    assert listed == [SourceFile(urls[0], 7, None), SourceFile(urls[1], None, sha)]
    assert [file.name for file in listed] == ["a b.csv", "a%20b.csv"]
    assert pairs(url=urls, bytes=None, sha256=None) == [SourceFile(url) for url in urls]


@pytest.mark.parametrize(
    "urls",
    [
        ["2019/export.csv", "2020/export.csv"],
        ["2019/Export.csv", "http://host/export.csv"],  # one file on a Mac
        ["http://host/2019/a%2Fb.csv?t=1", "c.csv", "file:///b.csv"],
    ],
)
def test_two_urls_of_one_name(edited: Callable[..., Path], urls: list[str]) -> None:
    params = yaml.load(path := edited("download.url", urls))
    params["download"]["bytes"] = None
    yaml.dump(params, path)
    with pytest.raises(ParamsError, match=r"params.yaml: download: two urls end in '\w+\.csv'"):
        read_params(path)


def test_every_fault_has_its_line(edited: Callable[..., Path]) -> None:
    edited("window.horizon", 0)
    path = edited("seed", "x")
    params = yaml.load(path)
    params["window"]["horizon"] = 0
    yaml.dump(params, path)
    with pytest.raises(ParamsError) as caught:
        read_params(path)
    assert [line.split(":")[1].strip() for line in str(caught.value).splitlines()] == [
        "seed",
        "window.horizon",
    ]


def test_a_models_typo_is_named() -> None:
    block = {"epochs": 1, "optimizer": "rmsprop", "learning_rate": 0.1, "order": "forward"}
    with pytest.raises(ParamsError) as caught:
        configure("lstm", {**block, "unit": 3})
    assert str(caught.value).splitlines() == [
        "params.yaml: models.lstm.units is missing; add it",
        "params.yaml: models.lstm.unit is not a key; did you mean 'units'?",
    ]
    with pytest.raises(
        ParamsError, match=r"models\.lstn: there is no architecture of that name; did you mean"
    ):
        configure("lstn", block)


@pytest.mark.parametrize(
    "text",
    [
        *("a: [", "\tx: 1", "a: 1\na: 2", "a: \0", "%YAML 3.0\n---\na: 1", "[" * 700),
        *("a: 2009-13-45", "a: !!int x", "a: !!bool x", 'a: "\\U00110000"', f"a: {'9' * 5_000}"),
    ],
)
def test_broken_yaml(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match=r"params.yaml is not YAML"):
        read_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('url: "https://alice:s3cret@host/a.zip', "line 1, column "),
        ("a: 1\nurl: https://alice:s3cret@host: x", "line 2, column 31: mapping values are not"),
        (
            "url: https://alice:s3cret@host/a\nurl: https://alice:s3cret@host/b",
            'line 2, column 1: found duplicate key "url"',
        ),
    ],
)
def test_broken_yaml_shows_no_password(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError) as caught:
        read_params(tmp_path / "params.yaml")
    assert f"params.yaml is not YAML: {said}" in str(caught.value)
    assert "alice" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_any_change_of_a_character_is_read_or_refused(checkout: Path, tmp_path: Path) -> None:
    text = (checkout / "params.yaml").read_text()
    text = text[: text.index("models:")] + "models: {dense: {}}\narchitectures: [dense]\n"
    text = re.sub(r"(?m)^architectures:.*\n( *- .*\n)+|#.*", "", text)
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert read_params(path).architectures == ("dense",)
    outcomes = set()
    draw = random.Random(0)  # noqa: S311  no secret
    for _ in range(150):
        at = draw.randrange(len(text))
        put = draw.choice(
            ["", "\0", "\n", " ", "- ", ": ", "[", "{", "'", '"', "&a ", "*a", "!!set "]
        )
        path.write_text(text[:at] + put + text[at + draw.randrange(3) :])
        try:
            read_params(path)
            outcomes.add("read")
        except ParamsError as error:
            outcomes.add("refused")
            assert all(line.isprintable() for line in str(error).splitlines())  # noqa: PT017
    assert outcomes == {"read", "refused"}


CREDENTIALS = "holds a user name or password; put it in ~/.netrc instead"
SPACE = "has a space at its start or end, a tab or another invisible character; remove it"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://alice:s3cret@host/a.zip", CREDENTIALS),
        ("HTTPS://alice:s3cret@host/a.zip", CREDENTIALS),
        ("http://alice@host/a.zip", CREDENTIALS),
        ("http://alice:s3cret@/climate.zip", CREDENTIALS),
        ("http://alice%3As3cret%40host/climate.zip", CREDENTIALS),
        ("//alice:s3cret@host/climate.zip", CREDENTIALS),
        ("file://alice:s3cret@host/climate.zip", CREDENTIALS),
        ("git+ssh://alice:s3cret@host/climate.zip", CREDENTIALS),
        (" http://alice:s3cret@host/a.zip", SPACE),
        ("\u00a0http://alice:s3cret@host/a.zip", SPACE),
        ("http://alice:s3cret@host/a.zip\n", SPACE),
        ("\thttp://alice:s3cret@host/a.zip", SPACE),
        ("ht\ttp://alice:s3cret@host/a.zip", SPACE),
        ("http://alice:s3\ncret@host/a.zip", SPACE),
        ("http://alice:s3cret\\@host/a.zip", "is not a valid address"),
        ("http://[alice:s3cret@host/climate.zip", "is not a valid address"),
        ("http://host:x/s3cret@host/climate.zip?token=t0ken", "is not a valid address"),
        ("http://host:99999/climate.zip?token=t0ken", "is not a valid address"),
        ("http:/alice:s3cret@host/climate.zip", "does not name a server"),
        ("http:alice:s3cret@host/climate.zip", "does not name a server"),
        ("http:\\\\alice:s3cret@host\\climate.zip", "does not name a server"),
        ("alice:s3cret@host/climate.zip", "does not start with http://"),
        ("ftp://host/s3cret.zip", "does not start with http://"),
        ("s3://bucket/climate.zip?token=t0ken", "does not start with http://"),
        ("file://s3cret/climate.zip", "names another machine"),
        ("https://host/?token=t0ken", "does not name a file"),
        ("https://host", "does not name a file"),
        ("https://host/folder/", "does not name a file"),
        ("https://host/climate.zip/..", "does not name a file"),
        ("https://host/%2e%2e", "does not name a file"),
        ("https://host/a%00b.zip", "does not name a file"),
        ("https://host/a%0Ab.zip", "does not name a file"),
        ("..", "does not name a file"),
        ("a/.", "does not name a file"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_unseen(url: str, said: str) -> None:
    for value in (url, ["a.csv", url]):
        block = {"url": value, "bytes": None, "sha256": None, "max_bytes": 1}
        with pytest.raises(ParamsError) as caught:
            check(Download, block, "download")
        assert str(caught.value).startswith(f"params.yaml: download.url: {said}")
        assert not re.search("alice|s3cret|t0ken", str(caught.value))


URL = "http://alice:s3cret@host/a.zip"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("download", URL, "download: input should be"),  # as of `url:http://`, without the space
        ("download", [URL], "download: input should be"),
        ("download.url", {"x": URL}, "download.url: input should be a valid string, found a block"),
        ("download.url", [[URL]], "download.url: input should be a valid string, found a list"),
        ("download.bytes", URL, "download.bytes: input should be a valid integer, found a text"),
        ("download.bytes", [URL], "download.bytes: input should be a valid integer"),
        ("download.bytes", "s3cret", "download.bytes: input should be a valid integer"),
        ("download.sha256", URL, "download.sha256: string should match pattern"),
        ("download.sha256", ["s3cret"], "download.sha256: string should match pattern"),
        ("download.max_bytes", URL, "download.max_bytes: input should be a valid integer"),
        (f"download.{URL}", None, "(an address) is not a key"),
        (URL, None, "(an address) is not a key"),
        ("convert", URL, "convert: input should be"),
        ("convert.decimal", URL, "convert.decimal: input should be"),
        ("convert.encoding", URL, "convert.encoding: '(an address)' is not a text encoding"),
        ("window.target", URL, "window.target '(an address)' is not one of convert.columns"),
        ("seed", URL, "seed: input should be"),
        ("window", [URL], "window: input should be"),
    ],
)
def test_no_message_repeats_an_address(
    values: dict[str, Any], key: str, value: Any, said: str
) -> None:
    """An address may hold a password, wherever it was written by mistake."""
    params = copy.deepcopy(values)
    *blocks, last = [key] if "." not in key.partition("://")[0] else key.split(".", 1)
    for block in blocks:
        params[block][last] = value
    if not blocks:
        params[last] = value
    with pytest.raises(ParamsError) as caught:
        check(Params, params, "")
    assert f"params.yaml: {said}" in str(caught.value)
    assert not re.search("alice|s3cret", str(caught.value))


@pytest.mark.parametrize(
    "text",
    [
        URL,
        f"- {URL}",
        f"{URL}: 1\n{URL}: 2",
        f"url: *{URL}",
        f"url: !{URL}",
        f"url: &{URL}",
        f"%TAG ! {URL}\n---\na: 1",
        f'url: "{URL}\\p"',
        f"download:\n  url:{URL}\n  bytes: null",
    ],
)
def test_no_message_repeats_an_address_in_broken_yaml(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError) as caught:
        read_params(tmp_path / "params.yaml")
    assert not re.search("alice|s3cret", str(caught.value))


@pytest.mark.parametrize("text", ["", "- a", "3"])
def test_no_mapping(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match="the file must be a block of keys"):
        read_params(tmp_path / "params.yaml")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"params.yaml is missing"):
        read_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    "override",
    ["window.horizon=12", "seed=7", f"download.sha256={'0' * 64}", "models.conv1d.filters=16", ""],
)
def test_dvc_exp_run_changes_one_line(checkout: Path, tmp_path: Path, override: str) -> None:
    """The file is in the form that DVC's writer gives it, so nothing else is reformatted.

    Where this fails, an edit by hand left that form. DVC's writer restores it:
    python -c 'from dvc.utils.hydra import apply_overrides as a; a("params.yaml", [])'
    """
    copy = tmp_path / "params.yaml"
    copy.write_bytes((checkout / "params.yaml").read_bytes())
    before = copy.read_text().splitlines()
    apply_overrides(copy, [override] if override else [])
    after = copy.read_text().splitlines()
    assert len(after) == len(before)
    changed = [line for line in zip(before, after, strict=True) if line[0] != line[1]]
    assert len(changed) == bool(override), changed


def test_the_recipe_of_the_docs_is_a_valid_params_file(checkout: Path, tmp_path: Path) -> None:
    """docs/training.md says how to switch it on; `dvc exp run` applies it in the same way."""
    text = (checkout / "docs/training.md").read_text()
    command = re.search(r"^dvc exp run -S .*?(?=^```)", text, re.MULTILINE | re.DOTALL)
    assert command
    words = shlex.split(command[0])
    overrides = [after for word, after in pairwise(words) if word == "-S"]
    assert len(overrides) == 3
    copy = tmp_path / "params.yaml"
    copy.write_bytes((checkout / "params.yaml").read_bytes())
    apply_overrides(copy, overrides)
    params = read_params(copy)
    assert params.architectures == ("gradient_boosting", "tcn")
    assert params.ensembles == {"ensemble": params.architectures}
    assert [feature.kind for feature in params.features] == ["time_of_day", "time_of_year"]
    assert configure_all(params)
