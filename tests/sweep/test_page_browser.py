"""The report of a sweep in a real browser, from disk, with no network."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from pipeline.sweep.loading import of_jobs
from pipeline.sweep.page import write_comparison
from tests.report.made import completed
from tests.report.test_browser import FIRST, PAPER, look_at_the_width, opened, print_it
from tests.sweep.made_sweep import SWEEP, job, trials, write_search

NOT_BEGUN = "strategy.max_trials must be an integer >= 1; received 0"


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The report of a sweep of two objectives, of which one job is wrong and one search runs."""
    storage = tmp_path_factory.mktemp("storage")
    told = {
        "random": trials(2.1, 0.9, None, 0.7, 0.65, 0.8),
        "grid": trials(1.9, 1.4, 1.2, 0.9),
        "bayesian": trials(2.4, 0.8, 0.5, 0.45, 0.4, 0.38),
        "hyperband": trials(1.5, 0.6, 0.55, epochs=1),
    }
    jobs = []
    for place, (strategy, some) in enumerate(told.items()):
        ending = {} if strategy == "hyperband" else {"end": completed(best_trial="0000")}
        loss = None if strategy == "hyperband" else 0.4 + place / 10
        directory = write_search(storage, strategy, some, loss=loss, **ending)
        jobs.append(job(place, strategy, directory))
    kind = {"objective": "val_accuracy", "direction": "max"}
    for place, scores in enumerate([(0.7, 0.9), (0.8, 0.85, 0.95)], start=4):
        strategy = "random" if place == 4 else "grid"
        directory = write_search(
            storage, strategy, trials(*scores), end=completed(), loss=0.3, **kind
        )
        jobs.append(job(place, strategy, directory, overrides=["objective=accuracy"], **kind))
    jobs.append(job(6, "wrong", None, exit_code=2, message=NOT_BEGUN))
    (storage / "search-0/report.html").touch()
    folder = storage / "sweeps" / SWEEP
    folder.mkdir(parents=True)
    return write_comparison(of_jobs(folder, jobs, ended=False), folder / "comparison.html")


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["screen", "telephone"])
def page(request, browser, report):
    width, scheme = request.param
    yield from opened(browser, report, width, scheme, f"comparison-{width}")


def test_the_comparison(page):
    """In one test, so that the page is opened once."""
    look_at_lines(page)
    look_at_the_width(page)
    sort_tables(page)
    if page.viewport_size["width"] < PAPER:
        print_it(page)
    expect(page.locator("#searches-0 a[data-file]")).to_have_text("report")


def look_at_lines(page):
    """Each search has a line in both pictures of its group, on the screen or not."""
    expect(page.locator(FIRST)).to_have_count(4)
    assert page.evaluate("scrollY") == 0
    for group, searches in enumerate((4, 2)):
        for unit in ("epochs", "seconds"):
            picture = page.locator(f"#best_by_{unit}_{group}")
            lines = picture.locator(".scatterlayer path.js-line")
            expect(lines).to_have_count(searches)
            boxes = lines.evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
            assert all(width > 10 for width in boxes)
            assert picture.locator(".legendtext").count() == searches
            frame, plot = picture.bounding_box(), picture.locator(".plotly").bounding_box()
            assert plot["width"] <= frame["width"]


def sort_tables(page):
    """The leaderboard has all trials, sorted by any column, and so have the searches."""
    table = page.locator("#leaderboard table")
    titles = [title.strip() for title in table.locator("th").all_text_contents()]
    place = titles.index("score on digits by val_loss (min)") + 1
    scores = table.locator(f"tbody td:nth-child({place})")
    assert table.locator("tbody tr").count() == 24
    first = [float(text) for text in scores.all_text_contents() if text]
    assert first == sorted(first)
    assert len(first) == 18
    for _ in range(2):
        table.get_by_role("button", name="score on digits by val_loss (min)").click()
    assert [float(text) for text in scores.all_text_contents()[:18]] == first[::-1]
    table.get_by_role("button", name="search", exact=True).click()
    names = table.locator("tbody td:first-child").all_text_contents()
    assert names == sorted(names)
    searches = page.locator("#searches-0 table")
    searches.get_by_role("button", name="epochs").click()
    rows = searches.locator("tbody td:first-child").all_text_contents()
    assert rows[0] == "hyperband"
