from __future__ import annotations

from pathlib import Path

import pytest

from jena_etl.errors import ProjectError
from jena_etl.evaluation.history import read_history

HEAD = "step,loss,mae,val_loss,val_mae,naive_val_mae\n"


def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss(tmp_path: Path) -> None:
    path = tmp_path / "lstm.csv"
    path.write_text(HEAD + "1,9,3,5.0,2.2,2\n2,8,2,4.0,2.1,2\n3,7,1,4.0,2.0,2\n")
    history = read_history(path, built_by="train@lstm")
    assert history.best_epoch == 2
    assert history.mae == [3, 2, 1]
    assert history.val_mae == [2.2, 2.1, 2.0]


@pytest.mark.parametrize(
    "content", ["", HEAD, HEAD + "1,9,3\n", HEAD + "1,9,3,x,2,2\n", "a,b\n1,2\n"]
)
def test_a_damaged_history_names_the_command(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lstm.csv"
    path.write_text(content)
    with pytest.raises(ProjectError, match=r"lstm.csv .*; build it again: dvc repro -f train@lstm"):
        read_history(path, built_by="train@lstm")


def test_a_history_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="build it: dvc repro train@lstm"):
        read_history(tmp_path / "lstm.csv", built_by="train@lstm")
