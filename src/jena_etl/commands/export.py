"""What `jena-etl export` does: write a trained model as ONNX."""

from __future__ import annotations

from pathlib import Path

from jena_etl.errors import ProjectError
from jena_etl.forecasting.export import INPUT, OUTPUT, check_packages, export_onnx
from jena_etl.project import Project
from jena_etl.training.device import use_device


def export(project: Project, model: str, out: Path, *, replace: bool) -> str:
    """Write the model and return what was written, in words.

    Raises:
        ProjectError: there is no such model, or the file exists already.
        TrainingError: the model's file cannot be used, or the architecture cannot be exported.
    """
    if out.exists() and not replace:
        raise ProjectError(f"{out} exists already; name another file, or add --force to replace it")
    check_packages()
    name = project.trained_model(model)
    use_device("cpu", deterministic=False)  # leaves a GPU's memory free
    forecaster = project.forecaster(name)
    export_onnx(forecaster, out)
    found = forecaster.metadata
    unit = f" in {found.target_unit}" if found.target_unit else ""
    computed = (
        f"; docs/features.md says how to compute the last {len(found.computed)} columns from the "
        f"measurements: {'; '.join(found.computed)}"
        if found.computed
        else ""
    )
    return (
        f"{out}: {name}, {out.stat().st_size:,} bytes; {INPUT} (windows, "
        f"{found.sequence_length}, {len(found.columns)}) in their units, oldest first -> "
        f"{OUTPUT} (windows, 1), {found.target}{unit}{computed}"
    )
