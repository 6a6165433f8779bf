"""leaderboard: all scores, best first -> reports/leaderboard.csv, .md, reports/metrics.json."""

from jena_etl.files import read_json, write_json, write_text
from jena_etl.leaderboard import NAIVE, Entry, as_csv, as_markdown, as_metrics, title
from jena_etl.model_file import read_metadata
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Rank the architectures of params.yaml and the naive forecast."""
    entries = [Entry(NAIVE, 0, read_json(project.scores_json(NAIVE), built_by="baseline"))]
    for name in params.architectures:
        parameters = read_metadata(project.model_file(name)).trainable_parameters
        scores = read_json(project.scores_json(name), built_by=f"evaluate@{name}")
        entries.append(Entry(name, parameters, scores))
    heading = title(project.splits, project.data_card["source"])
    write_text(project.leaderboard_csv, as_csv(entries))
    write_text(project.leaderboard_md, as_markdown(entries, heading))
    write_json(project.metrics_json, as_metrics(entries, heading))


if __name__ == "__main__":
    run(main)
