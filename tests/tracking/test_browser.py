"""MLflow's own pages in a real browser: what someone sees who follows the README."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient
from playwright.sync_api import BrowserContext, Locator, Page, expect

from pipeline.journal.history import read
from pipeline.report.page import render
from tests.commands import alone
from tests.processes import free_port, running
from tests.report.made import plain

TRIALS = 10
expect.set_options(timeout=30_000)
# MLflow's pages ask for a user whether or not there are users, and Chromium complains of layouts.
# Other machines' names are not resolved: CHROMIUM_ARGUMENTS.
HARMLESS = re.compile(r"users/current|ResizeObserver|status of 404|ERR_NAME_NOT_RESOLVED")
# Whether the table has these trials from top to bottom; the document has them in another order.
FROM_TOP = """names => {
    const links = [...document.querySelectorAll("[role=gridcell] a")];
    const tops = links.map(link => [link.getBoundingClientRect().y, link.textContent]);
    const found = tops.sort((one, other) => one[0] - other[0]).map(([_, name]) => name);
    return found.filter(name => name.startsWith("trial ")).join() === names.join();
}"""
SHOWN = ["metrics.`score`", "metrics.`best_epoch`", "params.`layers`", "params.`units`"]
LINK = "http://127.0.0.1:5000/#/experiments/1/runs/abc"


@dataclass
class Site:
    """What a search left, where MLflow shows it, and a report of another that was made by hand."""

    output: str
    address: str
    report: str
    ranked: list[str]

    @property
    def table(self) -> str:
        """The page that the search has named."""
        named = re.search(
            r"^See every trial: mlflow ui, then open http://[^/]+(/\S+)$", self.output, re.M
        )
        assert named is not None, self.output
        return f"{self.address}{named[1]}"


@pytest.fixture(scope="module")
def site(tmp_path_factory, empty_store):
    directory = tmp_path_factory.mktemp("site")
    shutil.copyfile(empty_store, directory / "mlflow.db")
    ended = alone("strategy=hyperband training.epochs=8", directory)
    assert ended.code == 0, ended.err
    path = report_page(directory)
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    with running("mlflow", "ui", "--port", port, directory=directory, ready=f"{address}/health"):
        (journal,) = directory.glob("outputs/searches/*/journal.jsonl")
        ranked = [f"trial {attempt.begin.trial}" for attempt in read(journal.parent).ranked()]
        yield Site(ended.out, address, f"{address}/{path}", ranked)


def report_page(directory: Path) -> str:
    """Log a report as a run's artifact; return where MLflow's page shows it."""
    client = MlflowClient(f"sqlite:///{directory}/mlflow.db")
    experiment = client.create_experiment("reports", (directory / "mlruns").as_uri())
    run = client.create_run(experiment).info.run_id
    client.log_text(run, render(plain(30), {"0000": LINK}), "report.html")
    client.set_terminated(run)
    return f"#/experiments/{experiment}/runs/{run}/artifacts/report.html"


@pytest.fixture(scope="module")
def context(browser):
    """One for all tests: MLflow's scripts are loaded and compiled once."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    yield context
    context.close()


@contextlib.contextmanager
def first_page(context: BrowserContext, address: str) -> Iterator[Page]:
    """Open a page as one who has never been there; nothing may go wrong from there on."""
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
    page.on("response", lambda got: got.status >= 400 and wrong.append(f"{got.status} {got.url}"))
    page.goto(address)
    page.get_by_role("button", name="Close", exact=True).click()  # MLflow's assistant
    yield page
    page.evaluate("localStorage.clear()")
    page.close()
    assert [text for text in wrong if not HARMLESS.search(text)] == []


def open_runs(page: Page) -> None:
    """Go from the first page to the experiment's, and unfold the search."""
    open_experiment(page)
    search = page.get_by_role("link", name="digits-mlp-hyperband")
    expect(search).to_have_count(1)
    expect(trials(page)).to_have_count(0)
    page.get_by_role("gridcell").filter(has=search).get_by_role("button").click()
    expect(trials(page)).to_have_count(TRIALS)


def open_experiment(page: Page) -> None:
    page.get_by_text("Model training", exact=True).click()
    page.get_by_role("link", name="Experiments").first.click()
    page.get_by_role("link", name="digits", exact=True).click()


def trials(page: Page) -> Locator:
    return page.get_by_role("link", name=re.compile("^trial [0-9]{4}$"))


def curves(page: Page, metric: str) -> Locator:
    """The lines in the chart of a metric."""
    title = page.get_by_role("heading", name=metric, exact=True)
    card = page.get_by_test_id("experiment-view-compare-runs-card").filter(has=title)
    return card.locator("path.js-line")


def columns(page: Page) -> list[str]:
    """What the table shows that is in view, from left to right."""
    found = page.locator(".ag-header-cell").evaluate_all(
        "cells => cells.map(cell => [cell.getBoundingClientRect().x, cell.getAttribute('col-id')])"
    )
    return [name for _, name in sorted(found)]


def save_picture(page: Page, name: str) -> None:
    """Renew a picture of the docs: `SCREENSHOT_DIR=docs pytest tests/tracking/test_browser.py`."""
    folder = os.environ.get("SCREENSHOT_DIR")
    if folder:
        page.wait_for_timeout(2000)  # until nothing moves
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_what_mlflow_shows(context, site):
    """In one test, so that one process makes the search that all of it shows."""
    with first_page(context, site.table) as page:
        look_at_the_table(page, site)
    with first_page(context, site.address) as page:
        look_at_the_experiment(page, site)
    for look_at in (look_at_a_trial, look_at_the_search, look_at_the_model):
        with first_page(context, site.address) as page:
            look_at(page)


def look_at_the_table(page: Page, site: Site) -> None:
    """It has the search's trials, the best first."""
    page.wait_for_function(FROM_TOP, arg=site.ranked)
    assert columns(page)[3:7] == SHOWN
    save_picture(page, "mlflow-table")


def look_at_the_experiment(page: Page, site: Site) -> None:
    """It has the search, its trials and their curves, and offers their table."""
    open_runs(page)
    grid = page.get_by_role("grid")
    expect(grid.get_by_text("digits-mlp", exact=True)).to_be_visible()  # the registered model
    expect(grid.get_by_text(re.compile(r"^digits \([0-9a-f]{16}\)$"))).to_be_visible()
    page.locator("label", has=page.locator("input[value=CHART]")).first.click()
    page.get_by_placeholder("Search metric charts").fill("best_score|val_")
    expect(page.get_by_test_id("experiment-view-compare-runs-card")).to_have_count(3)
    expect(curves(page, "best_score")).not_to_have_count(0)
    page.get_by_test_id("experiment-view-runs-visibility-column-header").click()
    page.get_by_role("menuitemradio", name="Show all runs").click()
    expect(curves(page, "val_loss").nth(TRIALS - 1)).to_be_attached()
    save_picture(page, "mlflow-ui")
    page.get_by_test_id("saved-views-trigger").click()
    page.get_by_text("mlp by val_loss", exact=True).click()
    page.wait_for_function(FROM_TOP, arg=site.ranked)
    assert columns(page)[3:7] == ["tags.`pipeline.strategy`", *SHOWN[:3]]


def look_at_a_trial(page: Page) -> None:
    """It has its hyperparameters and its curves."""
    open_runs(page)
    trials(page).filter(has_text="trial 0009").click()
    expect(page.get_by_text("Parameters (5)")).to_be_visible()
    for name in ("layers", "units", "activation", "dropout", "score", "best_epoch"):
        expect(page.get_by_role("cell", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="digits-mlp-hyperband")).to_be_visible()  # its parent
    page.get_by_role("tab", name="Model metrics").click()
    page.get_by_placeholder("Search metric charts").fill("loss|accuracy")
    expect(page.get_by_test_id("experiment-view-compare-runs-card")).to_have_count(4)
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        expect(curves(page, name)).not_to_have_count(0)


def look_at_the_search(page: Page) -> None:
    """It has its description, its dataset and its artifacts."""
    open_runs(page)
    page.get_by_role("link", name="digits-mlp-hyperband").click()
    expect(page.get_by_text("minimises val_loss of mlp on digits")).to_be_visible()
    page.get_by_test_id("show-comment-toggle").click()
    description = page.get_by_test_id("note-editor-preview-content")
    expect(description.get_by_role("heading", name="Best trials")).to_be_visible()
    expect(description.get_by_role("table").last.get_by_role("row")).to_have_count(1 + 5)
    expect(description).not_to_contain_text("|")  # the tables are tables
    expect(page.get_by_text(re.compile(r"^digits \([0-9a-f]{16}\)$"))).to_be_visible()
    expect(trials(page)).to_have_count(TRIALS)
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("config.yaml").click()
    expect(page.get_by_text("pipeline.strategies.Hyperband")).to_be_visible()
    page.get_by_text("evaluation", exact=True).click()
    page.get_by_text("confusion_matrix.png").click()
    expect(page.get_by_role("img", name="confusion_matrix.png")).to_be_visible()


def look_at_the_model(page: Page) -> None:
    """It is registered and has the alias."""
    page.get_by_text("Model training", exact=True).click()
    page.get_by_role("link", name="Model registry").click()
    promotion = page.get_by_role("dialog").get_by_role("button", name="Close")
    promotion.click()
    page.get_by_role("link", name="digits-mlp", exact=True).click()
    expect(page.get_by_text("@ best")).to_be_visible()
    page.get_by_role("link", name="Version 1").click()
    expect(page.get_by_text("@ best")).to_be_visible()
    expect(page.get_by_text("alias best set (test loss")).to_be_visible()
    expect(page.get_by_role("link", name="digits-mlp-hyperband")).to_be_visible()


def test_the_report_in_mlflow(context, site):
    """It is whole in the frame in which MLflow shows an artifact."""
    with first_page(context, site.report) as page:
        report = page.frame_locator("iframe#html")
        expect(report.get_by_role("heading", name="Summary")).to_be_visible(timeout=60_000)
        for name in ("curves", "contour", "timeline"):
            report.locator(f"#{name}").scroll_into_view_if_needed()
            expect(report.locator(f"#{name} .main-svg").first).to_be_visible()
        table = report.locator("#leaderboard table")
        table.get_by_role("button", name="rate").click()
        rates = table.locator("tbody td:nth-child(9)").all_text_contents()
        assert [float(rate) for rate in rates] == sorted(float(rate) for rate in rates)
        table.get_by_role("link", name="0000").click()  # a frame may open no page
        expect(report.locator("#address")).to_be_visible()
        expect(report.locator("#address")).to_contain_text(LINK)
