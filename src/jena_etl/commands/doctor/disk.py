"""Checks that the project's folders are writable and that its data has room, built or not."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jena_etl.commands import dvc_repo
from jena_etl.commands.doctor.check import Check, command, first_few, size
from jena_etl.commands.programs import git
from jena_etl.params import Download, Params, SourceFile
from jena_etl.project import Project
from jena_etl.station_project import StationProject

LEAST_FREE = 100_000_000  # for logs, checkpoints and unfinished files, beside the outputs
# Measured on eight years of Jena: the bytes of outputs for each byte of CSV.
CONVERTED = 0.27  # data/interim
ARRAYS = 0.67  # data/processed, and again for each fold
FORECASTS = 0.065  # each file of data/predictions
BASELINES = 4  # of which each has such a file, too
PACKED = 1 / 3.2  # the zip
SHARE_BLOCKS = "dvc config --local cache.type hardlink,copy"
RELINK = "dvc checkout --relink"  # replaces the copies that are there

Links = Literal["shared", "possible", ""]


@dataclass(frozen=True)
class Expected:
    """What the stations that have not been converted yet are going to take.

    Attributes:
        csv: the bytes of their CSV files, unpacked.
        outputs: about how many bytes their outputs take, without the copies in DVC's cache.
        unknown: the files whose size is known once they have been downloaded.
    """

    csv: int
    outputs: int
    unknown: tuple[str, ...]


def expected_outputs(project: Project, params: Params, built: Collection[str]) -> Expected:
    """Estimate the outputs of the stations whose convert stage is not among those in `built`.

    The size of a file is taken from the file if it is on this machine, and from `download.bytes`
    otherwise; nothing is fetched.
    """
    packed, csv, unknown = 0, 0, []
    for folder, sources, members in _stations(project, params, built):
        for source in sources.files:
            local = () if source.is_remote else (project.root / source.path,)
            here = next((at for at in (folder / source.name, *local) if at.is_file()), None)
            sizes = _sizes(here, members) if here else _pinned_sizes(source)
            if sizes is None:
                unknown.append(source.shown)
                continue
            packed, csv = packed + sizes[0], csv + sizes[1]
    origins, models = len(params.rolling_origin.origins), len(params.architectures)
    scored = (BASELINES + models) * (1 + origins + len(params.further_horizons))
    files = scored + models * len(params.further_seeds)
    share = CONVERTED + ARRAYS * (1 + origins) + FORECASTS * files
    return Expected(csv, packed + round(share * csv), tuple(unknown))


def _stations(
    project: Project, params: Params, built: Collection[str]
) -> Iterator[tuple[Path, Download, Sequence[str] | None]]:
    """The folder, sources and members of each station that has not been converted."""
    if "convert" not in built:
        yield project.downloads, params.download, params.convert.members
    for name in params.stations.further:
        if f"convert_station@{name}" not in built:
            folder = StationProject(project.root, name).downloads
            yield folder, params.station_sources(name), params.station_dialect(name).members


def _sizes(file: Path, members: Sequence[str] | None) -> tuple[int, int]:
    """The bytes of a source file as it is, and unpacked, without unpacking it."""
    packed = file.stat().st_size
    if zipfile.is_zipfile(file):
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            return packed, sum(i.file_size for i in infos if not members or i.filename in members)
    if file.suffix.lower() == ".gz":
        with file.open("rb") as opened:  # its last four bytes hold the length, up to 4 GB
            opened.seek(max(0, packed - 4))
            return packed, max(packed, int.from_bytes(opened.read(), "little"))
    return packed, packed


def _pinned_sizes(source: SourceFile) -> tuple[int, int] | None:
    """The same of a file that is not here; None if params.yaml does not say its size."""
    if source.bytes is None:
        return None
    is_packed = source.name.lower().endswith((".zip", ".gz"))
    return source.bytes, round(source.bytes / PACKED) if is_packed else source.bytes


def links(repo: Any, root: Path) -> Links:
    """Whether DVC keeps one copy of an output for workspace and cache.

    Returns:
        "shared" if it does; "possible" if it would with hard links; "" if the file system, or two
        of them, cannot.
    """
    from dvc_objects.fs.generic import test_links

    cache = repo.cache.local
    wanted = list(itertools.takewhile(lambda kind: kind != "copy", cache.cache_types))
    try:
        found = test_links([*wanted, "hardlink"], cache.fs, cache.path, repo.fs, str(root / "data"))
    except OSError:  # the disk is full
        return ""
    if set(wanted) & set(found):
        return "shared"
    return "possible" if found else ""


def disk(
    root: Path,
    cache: Path,
    pipeline: dvc_repo.Pipeline,
    *,
    expected: Expected | None = None,
    linked: Links = "",
) -> Check:
    """Check that the project's folders are writable and have room for one more complete run.

    A run that changes everything adds every cached output to the cache, restores what is missing
    from the workspace, and keeps the old version of a file until the new one is complete. Before a
    station's first run, its outputs are estimated as `expected`, unless params.yaml cannot be read.

    The cache need not exist; `linked` is whether it shares its blocks with the workspace.
    """
    cache = next(place for place in (cache, *cache.parents) if place.exists())
    folders = [root, root / ".dvc", root / ".dvc/tmp", cache]
    if closed := [f for f in folders if f.is_dir() and not os.access(f, os.W_OK | os.X_OK)]:
        found = f"{closed[0]} cannot be written"
        return Check("disk", "fault", found, _made_writable(root, closed))
    new = expected or Expected(0, 0, ())
    copies = 0 if linked == "shared" else new.outputs
    needs = _needs(root, cache, pipeline, new.outputs, copies)
    found = "; ".join(
        f"{size(free)} free{_run(pipeline, new, need, copied=copies > 0)}" for free, need in needs
    )
    if new.unknown:
        found += f"; what {first_few(new.unknown)} takes is known once it has been downloaded"
    if all(free >= max(need, LEAST_FREE) for free, need in needs):
        return Check("disk", "ok", found)
    found += f"; at least {size(LEAST_FREE)} should be free"
    linking = _needs(root, cache, pipeline, new.outputs, 0)
    freed = sum(o.bytes for o in pipeline.outputs if o.is_cached and not o.state)
    if linked == "possible" and all(f + freed >= max(need, LEAST_FREE) for f, need in linking):
        found += ". It is enough if DVC links outputs to its cache instead of copying them"
        return Check("disk", "fault", found, f"{SHARE_BLOCKS}{f' && {RELINK}' if freed else ''}")
    if new.outputs and not pipeline.outputs:
        found += ". Move the project to a larger disk, or make room"
        return Check("disk", "fault", found, f"cp -R {shlex.quote(str(root))} LARGER_DISK")
    unused = "--all-commits --all-experiments" if git(root, "rev-parse", "HEAD") else "-w"
    found += (
        ". Remove what you do not need, or let DVC remove from its cache what no commit or "
        "experiment uses"
    )
    return Check("disk", "fault", found, f"dvc gc {unused}")


def _needs(
    root: Path, cache: Path, pipeline: dvc_repo.Pipeline, new: int, copies: int
) -> list[tuple[int, int]]:
    """The free bytes of each disk, and how many of them a complete run takes."""
    outputs = pipeline.outputs
    aside = max((output.bytes for output in outputs), default=0)
    missing = sum(output.bytes for output in outputs if output.state == "deleted")
    kept = sum(output.bytes for output in outputs if output.is_cached)
    needs: dict[int, int] = {}
    free: dict[int, int] = {}
    for folder, need in ((root, aside + missing + new), (cache, kept + copies)):
        device = folder.stat().st_dev
        needs[device] = needs.get(device, 0) + need
        free[device] = shutil.disk_usage(folder).free
    return [(free[at], need) for at, need in needs.items()]


def _run(pipeline: dvc_repo.Pipeline, new: Expected, need: int, *, copied: bool) -> str:
    """What a run takes, in words."""
    if not (pipeline.outputs or new.outputs):
        return "; how much a run takes is known after the first one"
    if not new.outputs:
        return f", a complete run takes {size(need)}"
    which = "a complete" if pipeline.outputs else "the first"
    kept = ", and DVC's cache keeps a copy of them" if copied else ""
    return (
        f", {which} run takes about {size(need)}, as {size(new.csv)} of CSV that are not converted "
        f"yet become {size(new.outputs)} of outputs{kept}"
    )


def _made_writable(root: Path, closed: list[Path]) -> str:
    """The owner can change permissions; anybody else has to build in a copy."""
    is_owner = all(folder.stat().st_uid == os.geteuid() for folder in closed)
    if is_owner and not any(os.statvfs(folder).f_flag & os.ST_RDONLY for folder in closed):
        return command("chmod u+rwx", map(str, closed))
    return f"cp -R {shlex.quote(str(root))} ~ && cd ~/{shlex.quote(root.name)}"
