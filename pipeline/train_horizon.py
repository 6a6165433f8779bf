"""train_horizon NAME STEPS: train one architecture for a further horizon.

-> data/predictions/NAME-horizonSTEPS.parquet. As with a further seed, only the forecasts are kept.
"""

from jena_etl.evaluation.predictions import at_horizon
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.training.run import TrainingRun, train_and_forecast
from pipeline import run


def main(project: Project, params: Params, name: str, steps: str) -> None:
    """Train the architecture `name` for this horizon alone, then forecast with its best epoch."""
    horizon = params.further_horizon(steps)
    training = TrainingRun(stage="train_horizon", architecture=name, name=at_horizon(name, horizon))
    train_and_forecast(project.further_horizon(horizon), params, training)


if __name__ == "__main__":
    run(main, "architecture", "steps")
