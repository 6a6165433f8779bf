"""Which CSV files the sources hold, and what is said where one cannot be read."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from jena_etl.errors import SourceError
from jena_etl.ingest.archives import open_members, source_digest
from jena_etl.ingest.synthetic import MEMBER, write_synthetic

JULY, AUGUST = b"a\n7\n", b"a\n8\n"
LITTER = ("__MACOSX/._july.csv", ".DS_Store", "data/.DS_Store", "data/")


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data/raw"


def written(folder: Path, **contents: bytes) -> list[Path]:
    """Files with these names, `_` for `.`, sorted as the project lists them."""
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    return sorted(folder.iterdir())


def opened(files: Sequence[Path], members: Sequence[str] | None) -> list[tuple[str, bytes]]:
    """Each file whole."""
    with open_members(files, members) as found:
        return [(name, b"".join(chunks)) for name, chunks in found]


def refused(files: Sequence[Path], members: Sequence[str] | None) -> str:
    """Why it failed, in a line that names no folder of this machine."""
    with pytest.raises(SourceError) as caught:
        opened(files, members)
    message = str(caught.value)
    assert "\n" not in message
    assert str(files[0].parent) not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("file", "content", "name"),
    [
        ("july_zip", zipped(("july.csv", JULY)), "july.csv"),
        ("july_zip", zipped(*((name, b"") for name in LITTER), ("d/j.csv", JULY)), "d/j.csv"),
        ("july_zip", b"before the archive" + zipped(("july.csv", JULY)), "july.csv"),
        ("july_csv_gz", gzip.compress(JULY, mtime=0), "july.csv"),
        ("JULY_CSV_GZ", gzip.compress(JULY, mtime=0), "JULY.CSV"),
        (
            "july_csv_gz",
            gzip.compress(JULY[:2], mtime=0) + gzip.compress(JULY[2:], mtime=0),
            "july.csv",
        ),
        ("july_csv", JULY, "july.csv"),
        ("july", zipped(("july.csv", JULY)), "july.csv"),  # the first bytes count
        ("july", gzip.compress(JULY, mtime=0), "july"),
        ("july_csv", gzip.compress(JULY, mtime=0), "july.csv"),
        ("july_txt", JULY, "july.txt"),
    ],
)
def test_the_only_file(folder: Path, file: str, content: bytes, name: str) -> None:
    files = written(folder, **{file: content})
    assert opened(files, None) == [(name, JULY)]
    assert opened(files, [name]) == [(name, JULY)]


def test_several_files_in_the_order_asked_for(folder: Path) -> None:
    files = written(
        folder,
        a_zip=zipped(("2020.csv", b"20"), ("2018.csv", b"18"), ("notes.txt", b"")),
        b_csv_gz=gzip.compress(b"b", mtime=0),
        c_csv=b"c",
    )
    members = ["2018.csv", "c.csv", "2020.csv", "b.csv"]
    read = opened(files, members)
    assert read == [("2018.csv", b"18"), ("c.csv", b"c"), ("2020.csv", b"20"), ("b.csv", b"b")]
    assert opened(files, ["c.csv"]) == [("c.csv", b"c")]


def test_a_zip_is_opened_once_for_all_its_members(folder: Path) -> None:
    """Opened anew, it would be gone; and of thousands of members each opening reads all names."""
    (file,) = written(folder, a_zip=zipped(("july.csv", JULY), ("august.csv", AUGUST)))
    with open_members([file], ["august.csv", "july.csv"]) as found:
        file.unlink()
        read = [(name, b"".join(chunks)) for name, chunks in found]
    assert read == [("august.csv", AUGUST), ("july.csv", JULY)]


def test_several_candidates_and_none_named(folder: Path) -> None:
    files = written(folder, a_zip=zipped(("july.csv", JULY), ("august.csv", AUGUST)), b_csv=b"b")
    message = refused(files, None)
    assert "the source holds 3 files: 'july.csv', 'august.csv', 'b.csv'; name" in message
    assert "in convert.members in params.yaml, in time order" in message
    many = [(f"{number}.csv", b"") for number in range(1_012)]
    files[0].write_bytes(zipped(*many))
    message = refused(files, None)
    assert "holds 1,013 files: '0.csv', " in message
    assert "'9.csv' and 1,003 more; name" in message


def test_no_such_member(folder: Path) -> None:
    files = written(folder, a_zip=zipped(("july.csv", JULY), (LITTER[0], b"x")), b_csv=b"b")
    message = refused(files, ["july.csv", "jule.csv"])
    assert "convert.members names 'jule.csv', which is not in a.zip, b.csv" in message
    assert "did you mean 'july.csv'?" in message
    assert "there are: july.csv, b.csv" in refused(files, ["x"])
    assert "there are: july.csv, b.csv" in refused(files, ["__MACOSX/._x"])


def test_one_name_in_two_files(folder: Path) -> None:
    files = written(folder, a_zip=zipped(("b.csv", JULY)), b_csv_gz=gzip.compress(AUGUST, mtime=0))
    message = refused(files, ["b.csv"])
    assert "'b.csv' is in a.zip and again in b.csv.gz; leave one out of download.url" in message


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_one_name_twice_in_a_zip(folder: Path) -> None:
    files = written(folder, a_zip=zipped(("b.csv", JULY), ("b.csv", AUGUST)))
    assert "a.zip holds 'b.csv' twice; zip the right one alone" in refused(files, None)


@pytest.mark.parametrize(
    "path",
    [
        "../july.csv",
        "data/../../july.csv",
        "/july.csv",
        "..\\july.csv",
        "data\\..\\..\\july.csv",
        "\\july.csv",
        "\\\\server\\july.csv",
        "C:\\july.csv",
        "c:july.csv",
    ],
)
def test_a_path_that_leaves_the_folder(folder: Path, path: str) -> None:
    files = written(folder, a_zip=zipped(("good.csv", JULY), (path, JULY)))
    message = refused(files, ["good.csv"])
    assert f"a.zip holds {path!r}, a path that leads out of the folder" in message
    assert "zip the CSV file alone and set download.url" in message


@pytest.mark.parametrize("path", ["a\nb.csv", "a\x1b[31m.csv"])
def test_a_name_that_cannot_be_printed(folder: Path, path: str) -> None:
    message = refused(written(folder, a_zip=zipped((path, JULY))), [path])
    assert f"a.zip holds {path!r}, a name that cannot be printed; zip the CSV file" in message


@pytest.mark.parametrize("path", ["..july.csv", "data/july..csv", "data\\july.csv", "10:00.csv"])
def test_a_path_that_stays(folder: Path, path: str) -> None:
    assert opened(written(folder, a_zip=zipped((path, JULY))), None) == [(path, JULY)]


@pytest.mark.parametrize("content", [zipped(), zipped(*((name, b"x") for name in LITTER[:3]))])
def test_an_empty_archive(folder: Path, content: bytes) -> None:
    files = written(folder, a_zip=content)
    assert "a.zip holds no file, expected a CSV file in it" in refused(files, None)
    assert "check download.url" in refused(files, ["july.csv"])


def test_an_encrypted_member(folder: Path) -> None:
    data = bytearray(zipped(("july.csv", JULY)))
    data[6] |= 1  # bit 0 of the flags, in the local header and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    message = refused(written(folder, a_zip=bytes(data)), None)
    assert "'july.csv' in a.zip is encrypted, expected a zip without a password" in message


LONG = b"".join(b"%d,%d\n" % (k, k * k % 9973) for k in range(5_000))


@pytest.mark.parametrize(
    ("name", "whole", "place"),
    [
        ("a_zip", zipped(("july.csv", LONG)), "july.csv of a.zip"),
        ("a_csv_gz", gzip.compress(LONG, mtime=0), "a.csv of a.csv.gz"),
    ],
)
def test_a_damaged_file(folder: Path, name: str, whole: bytes, place: str) -> None:
    (file,) = written(folder, **{name: whole})
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :])
    assert f"{place} cannot be unpacked (" in refused([file], None)
    file.write_bytes(whole[:middle])
    message = refused([file], None)
    assert f"{place.rsplit(maxsplit=1)[-1]} cannot be unpacked (" in message
    assert "fetch it again: dvc repro -f download" in message


def patched(content: bytes, *changes: tuple[bytes, int, bytes]) -> bytes:
    """The archive with `new` written `offset` bytes behind where `signature` begins last."""
    data = bytearray(content)
    for signature, offset, new in changes:
        at = data.rindex(signature) + offset
        data[at : at + len(new)] = new
    return bytes(data)


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
ONE = zipped(("july.csv", LONG))
MALICIOUS = {
    "claims to be smaller": patched(ONE, (CENTRAL, 24, b"\x10\0\0\0")),
    "has another checksum": patched(ONE, (CENTRAL, 16, b"\0\0\0\0")),
    "packed by no known method": patched(ONE, (LOCAL, 8, b"\x63\0"), (CENTRAL, 10, b"\x63\0")),
    "stored, says the directory": patched(ONE, (CENTRAL, 10, b"\0\0")),
    "has two names": patched(ONE, (LOCAL, 30, b"june.csv")),
    "begins behind the end": patched(ONE, (CENTRAL, 42, b"\xff\xff\xff\x7f")),
    "has no directory there": patched(ONE, (END, 16, b"\xff\xff\xff\x7f")),
    "has a directory of 4 GB": patched(ONE, (END, 12, b"\xff\xff\xff\x7f")),
    "is a patch": patched(ONE, (LOCAL, 6, b"\x20\0"), (CENTRAL, 8, b"\x20\0")),
    "is two disks": patched(ONE, (CENTRAL, 34, b"\1\0"), (LOCAL, 0, b"PK\x07\x08")),
}


@pytest.mark.parametrize("content", MALICIOUS.values(), ids=MALICIOUS.keys())
def test_a_malicious_archive_is_refused(folder: Path, content: bytes) -> None:
    (file,) = written(folder, a_zip=content)
    assert "a.zip cannot be unpacked (" in refused([file], None)


LINK = zipped(("july.csv", b"/etc/passwd"))


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (zipped(("july.csv", zipped(("august.csv", AUGUST)))), zipped(("august.csv", AUGUST))),
        (patched(ONE, (END, 8, b"\xff\x7f\xff\x7f")), LONG),  # how many members there are
        (patched(ONE, (CENTRAL, 24, b"\xff\xff\xff\x7f")), LONG),  # 2 GB, unpacked
        (patched(ONE, (CENTRAL, 20, b"\xff\xff\xff\x7f")), LONG),  # and packed
        (
            patched(zipped(("july.csv", b"/etc/passwd")), (CENTRAL, 38, b"\0\0\xff\xa1")),
            b"/etc/passwd",
        ),
    ],
    ids=["a zip in a zip", "more members", "more bytes", "more packed bytes", "a symbolic link"],
)
def test_a_malicious_archive_gives_its_own_bytes_alone(
    folder: Path, content: bytes, read: bytes
) -> None:
    """Nothing is unpacked twice, and no link is followed."""
    (file,) = written(folder, a_zip=content)
    assert opened([file], ["july.csv"]) == [("july.csv", read)]


def test_members_that_share_their_bytes_are_read_one_at_a_time(folder: Path) -> None:
    """As a bomb does it: two entries of the directory for one and the same packed data."""
    start = ONE.index(CENTRAL)
    entry, end = ONE[start : ONE.index(END)], ONE[ONE.index(END) :]
    twice = entry + entry.replace(b"july.csv", b"june.csv")
    counts = (END, 8, b"\2\0\2\0" + len(twice).to_bytes(4, "little"))
    (file,) = written(folder, a_zip=patched(ONE[:start] + twice + end, counts))
    assert "the source holds 2 files: 'july.csv', 'june.csv'" in refused([file], None)
    assert "a.zip cannot be unpacked (" in refused([file], ["june.csv"])


def test_a_bomb_is_unpacked_no_further_than_it_is_asked_for(folder: Path) -> None:
    (file,) = written(folder, a_csv_gz=gzip.compress(bytes(1 << 28), mtime=0))
    with open_members([file], None, chunk_bytes=1 << 16) as [(_, chunks)]:
        assert next(chunks) == bytes(1 << 16)
    assert file.stat().st_size < 1 << 19


@pytest.mark.parametrize("more", [b"\0\0x", b"<html>", gzip.compress(b"x", mtime=0)[:9]])
def test_what_follows_a_gzip(folder: Path, more: bytes) -> None:
    (file,) = written(folder, a_csv_gz=gzip.compress(JULY, mtime=0) + more)
    assert "a.csv of a.csv.gz cannot be unpacked (" in refused([file], None)


def test_a_folder_among_the_sources(folder: Path) -> None:
    (folder / "a.csv").mkdir(parents=True)
    assert "a.csv cannot be unpacked (Is a directory)" in refused([folder / "a.csv"], None)


def test_a_source_that_is_gone(folder: Path) -> None:
    assert "a.csv cannot be unpacked (No such file" in refused([folder / "a.csv"], None)


def test_cards(folder: Path) -> None:
    write_synthetic(folder / "made.zip", rows=3, seed=0)
    (made,) = folder.iterdir()
    assert source_digest(made).synthetic is True
    assert [name for name, _ in opened([made], None)] == [MEMBER]
    plain = folder / "plain.csv"
    plain.write_bytes(JULY)
    digest = hashlib.sha256(JULY).hexdigest()
    card = {"name": "plain.csv", "bytes": 4, "sha256": digest, "synthetic": False}
    assert source_digest(plain).model_dump() == card


@pytest.mark.parametrize(
    "comment", [b"", b"synthetic", b"\xff\xfe", b"recorded; no synthetic data"]
)
def test_other_zips_are_not_synthetic(folder: Path, comment: bytes) -> None:
    (file,) = written(folder, other_zip=b"")
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("a.csv", "any")
        opened.comment = comment
    assert source_digest(file).synthetic is False
