"""Says how to start a stage if one is started as a script, by its path.

Python then puts this folder on `sys.path` instead of the project folder, so `import pipeline` finds
this file instead of the package.
"""

import sys
from pathlib import Path

stage = Path(sys.argv[0]).stem
sys.stderr.write(
    "error: a stage cannot be run as a script; "
    f"in the project folder, type: python -m pipeline.{stage}\n"
)
sys.exit(2)
