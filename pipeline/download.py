"""download: fetch the files named in params.yaml -> data/download/."""

import sys

from jena_etl.ingest.download import download
from jena_etl.params import Download, Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Fetch and check the source files."""
    fetch(project, params.download, "download")


def fetch(project: Project, block: Download, key: str) -> None:
    """Fetch the source files of a station; `key` is the path of `block` in params.yaml."""
    max_bytes = block.max_bytes
    for file in download(block.files, project.downloads, base=project.root, max_bytes=max_bytes):
        sys.stdout.write(f"{file.path.name}: {file.bytes:,} bytes, sha256 {file.sha256}\n")
    if not all(source.sha256 for source in block.files):
        as_list = "" if len(block.files) == 1 else ", as a list in this order"
        sys.stdout.write(f"to pin it, copy the sha256 to {key}.sha256 in params.yaml{as_list}\n")


if __name__ == "__main__":
    run(main)
