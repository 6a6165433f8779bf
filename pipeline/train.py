"""train NAME: one architecture -> models/NAME.keras, its history and its forecasts.

The forecasts are made here, from the file loaded anew, because TensorFlow takes longer to start
than most models take to forecast; they are scored apart, so that no change of a score retrains.
"""

from jena_etl.evaluation.predictions import SCORED, beside_truth, forecast, write_predictions
from jena_etl.files import write_text
from jena_etl.models import configure
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.training.checkpoint import run_key
from jena_etl.training.device import use_device
from jena_etl.training.fit import seeded_model, train
from jena_etl.training.model_file import load_model, write_model
from jena_etl.training.run_log import logged
from pipeline import run


def main(project: Project, params: Params, name: str) -> None:
    """Train the architecture `name`."""
    architecture = configure(name, params.models.get(name))
    settings = {
        "mixed_precision": params.train.mixed_precision,
        "deterministic": params.train.deterministic,
    }
    device = use_device(params.train.device, xla_on_cpu=architecture.xla_on_cpu, **settings)
    batch_size, order = params.train.batch_size, architecture.order
    key = run_key(
        project.training_dependencies(name),
        name=name,
        model=architecture.model_dump(),
        seed=params.seed,
        batch_size=batch_size,
        device=device,
        **settings,
    )
    scratch = project.checkpoint(name, key)
    with logged(project.run_log, stage="train", architecture=name, device=device, **settings):
        learnt_from = project.windows("train")
        model = seeded_model(
            architecture,
            learnt_from,
            seed=params.seed,
            mixed_precision=params.train.mixed_precision,
        )
        history = train(
            model,
            lambda epoch: learnt_from.for_model(
                batch_size, shuffle=True, seed=params.seed, epoch=epoch, order=order
            ),
            project.windows("validation").for_model(batch_size, order=order),
            epochs=architecture.epochs,
            patience=architecture.early_stopping,
            scratch=scratch,
            xla=architecture.xla_on_cpu and device == "cpu",
        )
        write_model(model, project.model_file(name), architecture=name, order=order)
        write_text(project.history_csv(name), history)
        model = load_model(project.model_file(name), architecture=name)
        parts = {}
        for split in SCORED:
            windows = project.windows(split)
            predicted = forecast(model, windows, batch_size=batch_size, order=order)
            parts[split] = beside_truth(windows, project.timestamps, predicted)
        write_predictions(project.predictions_parquet(name), parts)
    for old in scratch.parent.glob(f"{name}-*.npz"):  # this run's, and those of runs given up
        old.unlink()


if __name__ == "__main__":
    run(main, "architecture")
