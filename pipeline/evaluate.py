"""evaluate NAME: its file scored -> reports/metrics/NAME.json, data/predictions/NAME.parquet."""

import sys
from typing import Any

from jena_etl.device import use_device
from jena_etl.evaluation import (
    SCORED,
    forecast,
    in_words,
    naive_forecast,
    scores,
    truth,
    write_predictions,
)
from jena_etl.files import write_json
from jena_etl.model_file import load_model, read_metadata
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.run_log import logged
from pipeline import architecture_asked_for, run


def main(project: Project, params: Params) -> None:
    """Score the architecture named on the command line, every window exactly once."""
    name = architecture_asked_for(params)
    device = use_device(params.train.device)
    report: dict[str, Any] = {"architecture": name}
    parts = {}
    with logged(project.run_log, stage="evaluate", architecture=name, device=device):
        model = load_model(project.model_file(name), architecture=name)
        order = read_metadata(project.model_file(name)).order
        for split in SCORED:
            windows = project.windows(split)
            predicted = forecast(model, windows, batch_size=params.train.batch_size, order=order)
            report[split] = scores(truth(windows), predicted, naive_forecast(windows))
            parts[split] = (windows, predicted)
        write_predictions(project.predictions_parquet(name), project.stamps, parts)
        write_json(project.scores_json(name), report)
    sys.stdout.write(in_words(report))


if __name__ == "__main__":
    run(main)
