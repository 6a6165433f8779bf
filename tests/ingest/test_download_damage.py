"""What arrives and is not a whole zip, gzip or CSV file."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jena_etl.errors import SourceError
from tests.ingest.serving import (
    CSV,
    GZIP,
    LONGEST_MESSAGE,
    ZIP,
    Serve,
    contents,
    fetch,
    refused,
    sends,
    zipped,
)


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><html><body>log in</body></html>",
        b"\r\n\t <HTML><HEAD>",
        b"\xef\xbb\xbf<!doctype HTML>",
        b"\xef\xbb\xbf\n<!-- generated --><html>",
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    ],
)
@pytest.mark.parametrize("name", ["climate.zip", "export.csv", "export.csv.gz"])
def test_a_page_instead_of_data(serve: Serve, folder: Path, page: bytes, name: str) -> None:
    body = gzip.compress(page, mtime=0) if name.endswith(".gz") else page
    message = refused(serve(sends(body)).url(f"/{name}"), folder, size=len(body))
    assert f"{name} is a web page" in message
    assert "copy the file's own address" in message


def flipped(data: bytes, at: int, bit: int = 0x01) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def encrypted(member: str = "climate.csv") -> bytes:
    """Bit 0 of the flags, in the local header (byte 6) and in the central directory (byte 8)."""
    data = zipped(member=member)
    return flipped(flipped(data, 6), data.index(b"PK\x01\x02") + 8)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"Date Time,T (degC)\n", "not a zip"),
        (ZIP[:-1000], "not a zip"),  # the directory at the end is gone
        (ZIP[1000:], ""),
        (flipped(ZIP, len(ZIP) // 2), "member 'climate.csv' does not match its checksum"),
        (flipped(zipped(b"abc" * 999), 42), "Error -3 while decompressing"),
    ],
    ids=["csv", "no end", "no start", "stored", "deflated"],
)
def test_not_a_whole_zip(serve: Serve, folder: Path, body: bytes, found: str) -> None:
    message = refused(serve(sends(body)).url(), folder)
    assert f"got {len(body)} bytes that cannot be unpacked" in message
    assert found in message
    assert "expected a whole zip" in message


@pytest.mark.parametrize(
    ("name", "body", "found"),
    [
        ("climate.zip", b"", "climate.zip is empty: got 0 bytes, expected"),
        ("export.csv", b"", "export.csv is empty: got 0 bytes, expected"),
        ("export.csv.gz", gzip.compress(b"", mtime=0), "export.csv.gz is empty"),
        ("climate.zip", b"PK\5\6" + bytes(18), "climate.zip holds no file"),
        ("climate.zip", zipped(member="__MACOSX/._a.csv"), "climate.zip holds no file"),
        ("climate.zip", encrypted(), "'climate.csv' in climate.zip is encrypted"),
        ("climate.zip", encrypted("climate\n" * 999), r"'climate\nclimate\n"),
        (
            "climate.zip",
            zipped(member="../a.csv"),
            "'../a.csv', a path that leads out of the folder",
        ),
        ("export.csv.gz", CSV, "Not a gzip"),
        ("export.csv", CSV[:-1] + b"\0", "export.csv is not a text file (it holds a NUL byte)"),
        ("export.csv", CSV.decode("latin-1").encode("utf-16"), "export.csv is not a text file"),
        (
            "raw.tar.gz",
            gzip.compress(b"a.csv" + bytes(507), mtime=0),
            "raw.tar.gz is not a text file",
        ),
        ("export.csv", ZIP[1000:], "export.csv is not a text file"),
    ],
)
def test_no_data(serve: Serve, folder: Path, name: str, body: bytes, found: str) -> None:
    message = refused(serve(sends(body)).url(f"/{name}"), folder)
    assert found in message
    assert "expected" in message or "zip the CSV file" in message
    assert "download.url" in message or "as CSV" in message


@pytest.mark.parametrize("name", ["export.csv.gz", "download"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "checksum", "followed"])
def test_not_a_whole_gzip(serve: Serve, folder: Path, name: str, damage: str) -> None:
    body = {
        "truncated": GZIP[:-100],
        "flipped": flipped(GZIP, len(GZIP) // 2),
        "checksum": flipped(GZIP, len(GZIP) - 6),
        "followed": GZIP + b"by something else",
    }[damage]
    message = refused(serve(sends(body)).url(f"/{name}"), folder)
    assert f"{name}: got {len(body)} bytes that cannot be unpacked" in message
    assert "expected a whole zip, gzip or CSV file" in message
    assert "fetch it again: dvc repro -f download" in message


@pytest.mark.parametrize("method", [0, 8, 12, 14], ids=["stored", "deflate", "bzip2", "lzma"])
def test_a_flipped_bit_anywhere(tmp_path: Path, method: int) -> None:
    folder, source, content = tmp_path / "data/download", tmp_path / "climate.zip", b"1,2,3\n" * 40
    said: list[str] = []
    whole = zipped(content, method)
    for at, bit in enumerate(np.random.default_rng(method).integers(8, size=len(whole))):
        source.write_bytes(flipped(whole, at, 1 << bit))
        try:
            file = fetch("climate.zip", folder)
        except SourceError as error:
            said.append(str(error))
        else:  # harmless, in a member's date, say: what is inside is unharmed
            with zipfile.ZipFile(file) as archive:
                assert [archive.read(member) for member in archive.infolist()] == [content]
            file.unlink()
        assert contents(folder) == {}
    assert max(map(len, said)) < LONGEST_MESSAGE
