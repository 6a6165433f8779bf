"""baseline: the naive forecast on the same windows -> reports/metrics/naive.json."""

import sys
from typing import Any

from jena_etl.evaluation import SCORED, in_words, naive_forecast, scores, truth
from jena_etl.files import write_json
from jena_etl.leaderboard import NAIVE
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, _: Params) -> None:
    """Score the naive forecast."""
    report: dict[str, Any] = {"architecture": NAIVE}
    for split in SCORED:
        windows = project.windows(split)
        naive = naive_forecast(windows)
        report[split] = scores(truth(windows), naive, naive)
    write_json(project.scores_json(NAIVE), report)
    sys.stdout.write(in_words(report))


if __name__ == "__main__":
    run(main)
