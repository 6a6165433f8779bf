"""download: the zip named in params.yaml -> data/raw/."""

import sys

from jena_etl.etl.download import download
from jena_etl.files import sha256_of
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Fetch and check the source file."""
    source = params.download
    file = download(
        source.url, project.raw, base=project.root, size=source.bytes, sha256=source.sha256
    )
    sys.stdout.write(f"{file.name}: {file.stat().st_size:,} bytes, sha256 {sha256_of(file)}\n")
    if source.sha256 is None:
        sys.stdout.write("pin it: copy the sha256 to download.sha256 in params.yaml\n")


if __name__ == "__main__":
    run(main)
