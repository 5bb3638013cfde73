"""The report among the artifacts of a run, as MLflow's own page shows it."""

import re

import pytest
from mlflow import MlflowClient
from playwright.sync_api import expect

from pipeline.report.page import render
from tests.processes import free_port, running
from tests.report.made import plain

# MLflow's page asks for a user whether or not there are users, and Chromium complains of layouts.
HARMLESS = re.compile(r"users/current|ResizeObserver|status of 404")
LINK = "http://127.0.0.1:5000/#/experiments/1/runs/abc"


@pytest.fixture
def address(store, tmp_path):
    """The page of a run's artifact in MLflow."""
    client = MlflowClient(store)
    experiment = client.create_experiment("digits", (tmp_path / "mlruns").as_uri())
    run = client.create_run(experiment).info.run_id
    client.log_text(run, render(plain(30), {"0000": LINK}), "report.html")
    client.set_terminated(run)
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    command = ("mlflow", "ui", "--port", str(port), "--backend-store-uri", store)
    with running(*command, directory=tmp_path, ready=f"{site}/health"):
        yield f"{site}/#/experiments/{experiment}/runs/{run}/artifacts/report.html"


def test_the_report_in_mlflow(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
    page.goto(address)
    page.get_by_role("button", name="Close", exact=True).click()  # MLflow's assistant
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
    context.close()
    assert [told for told in wrong if not HARMLESS.search(told)] == []
