from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jena_etl.evaluation.history import History
from jena_etl.evaluation.intervals import Comparison, Interval
from jena_etl.evaluation.leaderboard import Entry, as_csv
from jena_etl.evaluation.metrics import Scores
from jena_etl.evaluation.prediction_intervals import IntervalScores, ResidualQuantiles
from jena_etl.evaluation.predictions import NAIVE, Predictions
from jena_etl.ingest.source import SourceDigest, SourceSummary
from jena_etl.params import Params, read_params
from jena_etl.prepare.data_card import DataCard
from jena_etl.prepare.outputs import BySplit, SplitRange, Splits, WindowShape
from jena_etl.report.compose import Models
from jena_etl.report.model_card import ModelFile, render_model_card
from jena_etl.training.metadata import Layer, ModelMetadata

HEADINGS = """\
# Model card: lstm
## Model Details
### Model Description
## Uses
### Direct Use
### Out-of-Scope Use
## Bias, Risks, and Limitations
## How to Get Started with the Model
## Training Details
### Training Data
### Training Procedure
## Evaluation
### Testing Data, Factors & Metrics
### Results
## Technical Specifications
## Citation
"""


class Card(DataCard, stage="splits"):
    """A data card that tells of one fault."""

    def __str__(self) -> str:
        return "holes in test: 1\n"


def predictions(error: dict[int, float]) -> Predictions:
    """A forecast for each hour of 2015 that is off by 1, or as said for an hour of the day."""
    times = np.arange("2015-01-01", "2016-01-01", dtype="datetime64[h]").astype("datetime64[s]")
    off = np.array([error.get(at % 24, 1.0) for at in range(len(times))], np.float32)
    return Predictions(times, times, np.zeros(len(times), np.float32), off)


def entry(name: str, mae: float, skill: float) -> Entry:
    scores = Scores(mae=mae, rmse=mae + 1, bias=0.25, skill=skill, windows=9)
    comparison = Comparison(Interval(mae - 0.1, mae + 0.125), 7, None, "unknown")
    by_split = {"validation": scores, "test": scores}
    spread = IntervalScores(coverage=0.785, width=8.5, crps=1.25)
    return Entry(name, 7, None if name == NAIVE else 2, by_split, comparison, spread)


@pytest.fixture
def params(checkout: Path) -> Params:
    return read_params(checkout / "params.yaml")


def render(
    params: Params,
    *,
    file: str = "station.zip",
    target: str = "T (degC)",
    mae: float = 1.5,
    synthetic: bool = False,
    ensembles: tuple[float, ...] = (),
    left_out: tuple[str, ...] = (),
) -> str:
    digest = SourceDigest(name=file, bytes=1_234, sha256="a" * 64, synthetic=synthetic)
    card = Card.model_construct(  # type: ignore[call-arg]  # what the model card tells of it
        source=SourceSummary(name=file, synthetic=synthetic, files=(digest,), members=()),
        rows=420_451,
        first="2009-01-01T00:10:00",
        last="2016-12-31T23:50:00",
        step_seconds=600,
    )
    parts = {
        name: SplitRange(
            rows=rows,
            first="2009-01-01T00:10:00",
            last="2012-12-31T23:50:00",
            windows=len(rows),
            left_out=0,
            starts=(rows,),
        )
        for name, rows in (
            ("train", range(10_000)),
            ("validation", range(10_000, 15_000)),
            ("test", range(15_000, 20_000)),
        )
    }
    splits = Splits(
        climate_sha256="c" * 64,
        rows=20_000,
        policy="strict",
        gaps="drop",
        target=target,
        window=WindowShape(sequence_length=120, sampling_rate=6, horizon=24, sequence_stride=1),
        splits=BySplit[SplitRange](**parts),
        choices=(),
    )
    metadata = ModelMetadata(
        columns=(target, "p (mbar)"),
        units=("degC", "mbar"),
        mean=(9.5, 989.25),
        std=(8.5, 8.25),
        step_seconds=600,
        sequence_length=120,
        sampling_rate=6,
        horizon=24,
        target=target,
        target_unit="degC",
        climate_sha256="c" * 64,
        architecture="lstm",
        order="reversed",
        trainable_parameters=2_001,
        layers=(
            Layer(
                name="lstm", class_name="LSTM", output_shape=(None, 16), parameters=1_984,
                inputs=("input_layer",),
            ),
        ),
    )  # fmt: skip
    entries = [entry("lstm", mae, 0.25), entry(NAIVE, 2.0, 0.0), entry("dense", 1.75, 0.125)]
    entries.append(entry("climatology", 2.25, -0.125))
    entries += [
        replace(entry(f"of {mae}", mae, 0.5), best_epoch=None, weights={"lstm": 0.5, "dense": 0.5})
        for mae in ensembles
    ]
    models = Models(
        leaderboard=list(csv.DictReader(io.StringIO(as_csv(entries)))),
        histories={"lstm": History(mae=[3, 2, 1], val_loss=[9, 4, 5], val_mae=[3, 2, 2])},
        layers={},
        predictions={"lstm": predictions({3: 0.5, 15: 2.5, 16: 2.0}), NAIVE: predictions({15: 3})},
        residuals={
            "lstm": ResidualQuantiles(q10=-4, q50=0.125, q90=4.5, windows=5_000, model_sha256=None)
        },
    )
    file_of_model = ModelFile(metadata, bytes=25_879, sha256="b" * 64)
    return render_model_card(file_of_model, card, splits, models, params, left_out=left_out)


def test_the_card_follows_the_headings_of_hugging_face(params: Params) -> None:
    headings = re.findall(r"^#.*\n", render(params), flags=re.MULTILINE)
    code = "  # the latest row first"  # which is not a heading, as it does not begin a line
    assert "".join(headings) == HEADINGS
    assert code in render(params)


def test_the_card_names_a_station_that_is_left_out(params: Params) -> None:
    why = "station potsdam is LEFT OUT, as its files lack wv"
    assert f"23:50:00.\n- {why}\n" in render(params, left_out=(why,))
    assert "LEFT OUT" not in render(params)


def test_the_card_says_what_the_model_is_made_from_and_how_it_scores(params: Params) -> None:
    card = render(params)
    for line in (
        "- **Architecture:** lstm, 2,001 trainable parameters",
        "- **Input:** 120 steps of 2 measured columns, 1 hour apart, the latest first;",
        "- **Output:** T (degC) in degC, 24 hours after the last step; not normalised",
        f"- **File:** 25,879 bytes, SHA-256 {'b' * 64}",
        "| p (mbar) | mbar | 989.25 | 8.25 |",
        "station.zip, 420,451 rows from 2009-01-01 00:10:00 to 2016-12-31 23:50:00.",
        f"| station.zip | 1,234 | {'a' * 64} |",
        f"The converted series has the digest {'c' * 64}.",
        "| train | 10,000 | 2009-01-01 00:10:00 | 2012-12-31 23:50:00 | 10,000 |",
        "| seed | 0 |",
        "| models.lstm.units | 16 |",
        "| window.sequence_length | 120 |",
        "| validation | lstm | 1.500 | - | 2.500 | +0.250 | +0.250 |",
        "| test | naive | 2.000 | 1.900 to 2.125 | 3.000 | +0.250 | +0.000 |",
        "| lstm | LSTM | 16 | 1,984 | input_layer |",
        "- In the data: holes in test: 1",
        "MPI for Biogeochemistry, Jena (bgc-jena.mpg.de/wetter), CC BY 4.0",
    ):
        assert f"{line}\n" in card
    assert "after epoch 2 of 3" in card
    assert "Add -4.00 and +4.50 for an 80% prediction interval, and +0.12 for its median." in card
    assert "On the test split, 78.5% of the observations lie within the interval.\n" in card
    assert "not better than" not in card
    assert "architectures that were trained: lstm, dense.\n" in card
    assert "ynthetic" not in card


def test_the_card_says_where_the_model_fails(params: Params) -> None:
    card = render(params)
    assert (
        "- By the target's hour of the day, it does worst in 15:00 to 15:59, with an MAE of 2.50 "
        "degC on the test split (naive 3.00), and best in 03:00 to 03:59, with 0.50 (naive 1.00).\n"
    ) in card
    assert "By the target's hour of the day, naive is at least as good in 22 of 24.\n" in card
    assert "| 16:00 to 16:59 | 2.000 | 1.000 |\n" in card
    # Of January's hours, 31 are off by 0.5, by 2.5 and by 2.0 each, the other 21 of a day by 1.
    assert f"| January | {(0.5 + 2.5 + 2.0 + 21) / 24:.3f} | {26 / 24:.3f} |\n" in card


def test_a_model_worse_than_naive_and_synthetic_data_are_named_at_the_top(params: Params) -> None:
    head = render(params, mae=2.125, synthetic=True).partition("## Model Details")[0]
    assert "**SYNTHETIC DATA**" in head
    assert (
        "**On the validation split, it is not better than a baseline that needs no model: naive.**"
        in head
    )


def test_an_ensemble_is_no_architecture_and_is_named_if_it_is_better(params: Params) -> None:
    head = render(params, ensembles=(1.25, 1.625)).partition("## Model Details")[0]
    assert "of the architectures that were trained: lstm, dense.\n" in head
    assert "There, of 1.25, a weighted mean of such models, has a lower one.\n" in head
    assert "1.625" not in head


def test_names_are_shown_as_they_are(params: Params) -> None:
    card = render(params, file="a|b\n# <img src=x>.zip", target="*T* [x](http://y) `z` _u_")
    for line in card.splitlines():
        assert not line.startswith("# <")
        assert "<img" not in line.replace("\\<img", "")
    assert "a\\|b # \\<img src=x\\>.zip" in card
    assert "\\*T\\* \\[x\\](http://y) \\`z\\` \\_u\\_" in card
