"""train NAME: train one architecture -> models/NAME.keras, its history and its forecasts."""

from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.training.run import TrainingRun, train_and_forecast
from pipeline import run


def main(project: Project, params: Params, name: str) -> None:
    """Train the architecture `name`, then forecast with its best epoch."""
    training = TrainingRun(
        stage="train",
        architecture=name,
        name=name,
        model_file=project.model_file(name),
        history_file=project.history_csv(name),
    )
    train_and_forecast(project, params, training)


if __name__ == "__main__":
    run(main, "architecture")
