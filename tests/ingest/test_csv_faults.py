"""Every fault is named by its line; the slow reader that names it agrees with Polars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import DataError
from jena_etl.ingest import csv_reader
from jena_etl.ingest.csv_faults import LARGEST, NUMBER, is_number
from jena_etl.ingest.csv_reader import read_csv
from tests.ingest.csv_files import (
    FAULTS,
    ROWS,
    SOUND,
    TIMESTAMP4,
    bits,
    converted,
    csv_text,
    dialect,
    refused,
    with_line,
    zipped,
)


@given(st.lists(st.text("0123456789.+-eE_ \t", min_size=1, max_size=7), min_size=1, max_size=30))
def test_our_idea_of_a_number_is_polars(cells: list[str]) -> None:
    """`check_lines` must find what Polars refuses, and nothing else."""
    for cell in cells:
        text = f"{cell}\n".encode()
        try:
            read = pl.scan_csv(text, has_header=False, schema={"a": pl.Float64()}).collect()
        except pl.exceptions.PolarsError:
            assert not NUMBER.fullmatch(cell)
        else:
            value = read.item()
            assert (value is not None) == bool(NUMBER.fullmatch(cell))
            assert value is None or bits([(value,)]) == bits([(float(cell),)])


@given(
    st.lists(st.text("012.,-+e naNulL", max_size=5), min_size=1, max_size=30),
    st.sampled_from([".", ","]),
)
def test_any_cell_is_read_or_refused_as_the_line_wise_check_does(
    cells: list[str], decimal: str
) -> None:
    """The fast reader and the slow one that names the culprit agree on every cell."""
    for cell in cells:
        form = dialect(columns=("a",), decimal=decimal, separator=";", datetime_column="t")
        text = f"t;a;x\n{TIMESTAMP4};{cell};n\n".encode()
        missing = cell.strip(" +-").lower() in ("", "nan", "na", "null")
        _, blocks = read_csv("a.csv", [text], form)
        try:
            value = pl.concat(blocks)["a"].item()
        except DataError as error:
            assert "column 'a'" in str(error)  # noqa: PT017  which cells are refused is the test
            refused_too = not is_number(cell, decimal)
            assert refused_too
        else:
            if value is None:
                assert missing
            else:
                assert bits([(value,)]) == bits([(float(cell.replace(decimal, ".")),)])


@given(st.lists(st.floats(-LARGEST, LARGEST), min_size=1, max_size=200), st.integers(0, 30))
def test_polars_parses_floats_as_python_does(values: list[float], digits: int) -> None:
    cells = [form.format(value) for value in values for form in ("{!r}", f"{{:.{digits}e}}")]
    frame = pl.scan_csv("\n".join(cells).encode(), has_header=False, schema={"a": pl.Float64()})
    assert bits(frame.collect().iter_rows()) == bits([(float(cell),) for cell in cells])


def test_largest_number_survives_float32() -> None:
    assert np.isfinite(np.float32(LARGEST))
    assert float(np.float32(LARGEST)) == LARGEST


@pytest.mark.parametrize("eol", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(("line", "said"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("number", [2, 4, ROWS + 1])
def test_fault_is_named_by_its_line(
    number: int, line: str, said: str, eol: str, tmp_path: Path
) -> None:
    text = csv_text(with_line(number, line), eol=eol, end=eol)
    message = refused(zipped(tmp_path, text), said)
    assert message.startswith(f"a.csv, line {number}")


def test_of_several_faults_the_first_is_named(tmp_path: Path) -> None:
    rows = with_line(3, f"{TIMESTAMP4},998.52,warm,n")
    rows[4] = rows[4].replace("n4", "\0")
    refused(zipped(tmp_path, csv_text(rows)), "line 3, column 'T (degC)': 'warm' is not a finite")


def test_blank_lines_at_the_end(tmp_path: Path) -> None:
    refused(zipped(tmp_path, csv_text(SOUND, end="\n\n")), f"line {ROWS + 2} is blank")
    refused(zipped(tmp_path, csv_text(SOUND, end="\n\n\n")), f"line {ROWS + 2} is blank")


def test_line_break_inside_quotes_swallows_no_row(tmp_path: Path) -> None:
    """Polars would read lines 3 to 5 as one row, and say nothing."""
    rows = [*SOUND]
    rows[1], rows[3] = rows[1].replace("n", '"n'), rows[3].replace("n", 'n"')
    refused(zipped(tmp_path, csv_text(rows)), "a.csv, line 3 is not a row of values")


def test_a_file_that_ends_in_an_opening_quotation_mark(tmp_path: Path) -> None:
    """Polars panics at it, which is no Exception."""
    quoted = ['"' + line.replace(",", '","') + '"' for line in SOUND]
    text = csv_text([*quoted[:3], quoted[3].partition("-")[0]], end="")
    refused(zipped(tmp_path, text), "a.csv, line 5 is not a row of values")


def test_a_message_stays_a_line_whatever_the_file_holds(tmp_path: Path) -> None:
    for text in (
        csv_text(with_line(4, f"{TIMESTAMP4},{'x' * 9_999},1,n")),
        csv_text(with_line(4, f"{'x' * 9_999},1,1,n")),
        csv_text(SOUND, header=",".join(f"{k}\x1b[31m{k}" for k in range(999))),
        csv_text(SOUND, header="x" * 9_999),
        csv_text(SOUND, header=f"{'x' * 9_999},{'x' * 9_999}"),
    ):
        with pytest.raises(DataError) as caught:
            converted(zipped(tmp_path, text))
        assert len(str(caught.value)) < 2_500
        assert str(caught.value).isprintable()


def test_old_mac_line_ends(tmp_path: Path) -> None:
    refused(zipped(tmp_path, csv_text(SOUND, eol="\r", end="\r")), "line 1", "line ends")


@pytest.mark.slow
def test_far_line_is_counted_as_an_editor_does(tmp_path: Path) -> None:
    rows = SOUND * 10_000
    rows[50_000] = rows[50_000].replace(",n", "m,n")
    refused(zipped(tmp_path, csv_text(rows)), "a.csv, line 50002, column 'T (degC)': '-2.02m'")
    rows[50_000] = rows[50_000].replace(",n", ",n,")[:5]
    refused(zipped(tmp_path, csv_text(rows)), "a.csv, line 50002 has 1 fields")


def test_a_short_row_is_not_a_missing_cell(tmp_path: Path) -> None:
    """Also where the next row has a field more, or a comma in quotes, so that the sum is right."""
    for other in (SOUND[3] + ",", SOUND[3].replace("n3", '"n,3"')):
        rows = [*SOUND[:2], SOUND[2].removesuffix(",n2"), other, *SOUND[4:]]
        refused(
            zipped(tmp_path, csv_text(rows)),
            "a.csv, line 4 has 3 fields, expected the header's 4",
            on_missing="fill_forward",
        )


def test_what_polars_cannot_read_for_a_reason_unknown_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last resort: neither reader's fault is found, the message still names the file."""
    monkeypatch.setattr(csv_reader, "check_lines", lambda *_: None)
    text = csv_text(with_line(4, f"{TIMESTAMP4},1,inf,n"))
    refused(zipped(tmp_path, text), "a.csv is not regular CSV (6 lines gave 6 rows)")
    text = csv_text(with_line(4, f"{TIMESTAMP4},1,x,n"))
    refused(zipped(tmp_path, text), "a.csv is not regular CSV (could not parse `x`")
