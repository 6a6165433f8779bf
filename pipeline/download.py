"""download: fetch the files named in params.yaml -> data/download/."""

import sys

from jena_etl.ingest.download import download
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Fetch and check the source files."""
    sources = params.download.files
    max_bytes = params.download.max_bytes
    for file in download(sources, project.downloads, base=project.root, max_bytes=max_bytes):
        sys.stdout.write(f"{file.path.name}: {file.bytes:,} bytes, sha256 {file.sha256}\n")
    if not all(source.sha256 for source in sources):
        as_list = "" if len(sources) == 1 else ", as a list in this order"
        sys.stdout.write(f"to pin it, copy the sha256 to download.sha256 in params.yaml{as_list}\n")


if __name__ == "__main__":
    run(main)
