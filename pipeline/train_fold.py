"""train_fold NAME ORIGIN: train one architecture on one fold -> data/predictions/NAME-foldORIGIN.*.

As with a further seed, only the forecasts are kept.
"""

from jena_etl.evaluation.predictions import in_fold
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.training.run import TrainingRun, train_and_forecast
from pipeline import run


def main(project: Project, params: Params, name: str, origin: str) -> None:
    """Train the architecture `name` on the fold, then forecast with its best epoch."""
    fold = project.fold(params.rolling_origin.origin(origin))
    training = TrainingRun(stage="train_fold", architecture=name, name=in_fold(name, origin))
    train_and_forecast(fold, params, training)


if __name__ == "__main__":
    run(main, "architecture", "origin")
