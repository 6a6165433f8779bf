"""The report of a small build, and the pictures that `jena-etl inspect --plots` draws."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from jena_etl.commands.plots import write_data_pictures
from jena_etl.evaluation.predictions import read_predictions
from jena_etl.project import open_project


def test_the_page_stands_alone(built: Any) -> None:
    html = open_project(built.root).report_html.read_text(encoding="utf-8")
    assert len(html.encode()) < 1_500_000
    assert "SYNTHETIC DATA" in html
    assert "<script" not in html
    # Addresses name the SVG format and, in the params it quotes, where data comes from.
    fetched = re.findall(r"""(?:src|href|action|data)=["'](?!#)[^"']*|url\((?!#)|@import""", html)
    assert fetched == []
    titles = re.findall(r"<h3>([^<]+)</h3>", html)
    assert len(titles) == len(set(titles)) == html.count("<figure>") == 10
    for name in ("dense", "lstm", "naive"):
        assert f'<th scope="row">{name}</th>' in html


def test_the_csv_files_for_dvc_plots(built: Any) -> None:
    project = open_project(built.root)
    with project.validation_curves_csv.open() as file:
        curves = list(csv.DictReader(file))
    assert [(row["architecture"], row["step"]) for row in curves] == [
        (name, step) for name in ("dense", "lstm") for step in ("1", "2")
    ]
    with project.history_csv("lstm").open() as file:
        history = list(csv.DictReader(file))
    assert [row["val_mae"] for row in curves[2:]] == [row["val_mae"] for row in history]
    naive_mae = built.json("reports/metrics/naive.json")["validation_mae"]
    assert {float(row["naive_val_mae"]) for row in history} == {naive_mae}

    with project.forecasts_csv.open() as file:
        shown = list(csv.DictReader(file))
    naive = read_predictions(project.predictions_parquet("naive"), built_by="baseline")["test"]
    forecast_for = dict(zip(naive.timestamp.astype(str), naive.prediction, strict=True))
    assert shown
    assert all(float(row["naive"]) == forecast_for[row["timestamp"]] for row in shown)


@pytest.mark.slow
def test_pictures_of_the_data_before_anything_is_trained(built: Any, tmp_path: Path) -> None:
    written = write_data_pictures(open_project(built.root), tmp_path / "pictures")
    assert sorted(path.name for path in written) == [
        "columns-by-split.svg",
        "first-days.svg",
        "periodicity.svg",
        "splits-and-window.svg",
        "whole-period.svg",
    ]
    again = write_data_pictures(open_project(built.root), tmp_path / "again")
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("color_scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)]
)
def test_the_page_in_a_browser(
    built: Any, color_scheme: Literal["light", "dark"], width: int
) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium is installed")
    address = open_project(built.root).report_html.as_uri()
    requested: list[str] = []
    logged: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(color_scheme=color_scheme, viewport={"width": width, "height": 800})
        page.on("request", lambda request: requested.append(request.url))
        page.on("console", lambda message: logged.append(message.text))
        page.on("pageerror", lambda error: logged.append(str(error)))
        page.goto(address)
        found = Axe().run(page)
        scrolled = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert requested == [address]
    assert logged == []
    assert found.violations_count == 0, found.generate_report()
    assert scrolled <= width  # nothing sticks out to the right
