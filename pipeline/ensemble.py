"""ensemble NAME: put the members of an ensemble into one model -> data/ensembles/NAME.keras."""

from jena_etl.evaluation.ensemble import as_sum
from jena_etl.evaluation.forecasts import Forecasts
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.training.device import use_device
from jena_etl.training.ensemble import ensemble_model
from jena_etl.training.model_file import load_model, read_metadata, write_model
from pipeline import run, show


def main(project: Project, params: Params, name: str) -> None:
    """Choose the weights on the validation split, then write the members as one model."""
    members = params.members(name)
    files = {member: project.model_file(member) for member in members}
    task = read_metadata(files[members[0]]).task
    weights = Forecasts(project, members, {name: members}).weights(name)
    show(f"{name} = {as_sum(weights)}\n")
    use_device("cpu", deterministic=params.train.deterministic)  # leaves a GPU's memory free
    models = {member: load_model(file, architecture=member) for member, file in files.items()}
    steps, columns = task.sequence_length, len(task.columns)
    model = ensemble_model(models, weights, steps=steps, columns=columns)
    write_model(model, project.ensemble_file(name), task, architecture=name, order="forward")


if __name__ == "__main__":
    run(main, "name")
