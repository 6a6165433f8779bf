"""What Python finds under the name `pipeline` if a stage is started as a script.

A stage started by its path has this folder in the place of the project folder on `sys.path`; all
that it then imports from the package is this file, which says how a stage is started instead.
"""

import sys
from pathlib import Path

stage = Path(sys.argv[0]).stem
sys.stderr.write(
    "error: a stage cannot be run as a script; "
    f"in the project folder, type: python -m pipeline.{stage}\n"
)
sys.exit(2)
