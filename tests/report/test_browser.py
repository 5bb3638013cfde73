"""The report in a real browser: from disk, with no network, on a screen, a telephone and paper."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from pipeline.journal.callbacks import EvaluationEnd
from pipeline.report.page import render
from tests.report.made import choice, completed, number, search, trial

DRAWN = {  # what of each picture must be on the page
    "confusion": ".heatmaplayer image",
    "progress_trials": ".scatterlayer path.point",
    "progress_epochs": ".scatterlayer path.js-line",
    "progress_seconds": ".scatterlayer path.js-line",
    "curves": ".scatterlayer path.js-line",
    "training": ".scatterlayer path.js-line",
    "rungs": ".scatterlayer path.point",
    "importances": ".barlayer .point path",
    "parallel_coordinates": ".scatterlayer path.js-line",
    "slice": ".scatterlayer path.point",
    "contour": ".heatmaplayer image, .contourlayer path",
    "brackets": ".scatterlayer path.point",
    "timeline": ".barlayer .point path",
}
PAPER = 688  # pixels of the 182 mm that A4 has between its margins
FIRST = ".plot .main-svg:first-child"
TEXT = "rgb(36, 39, 43)"
EVIL = "<img src=x onerror=alert(1)>"
LINK = "http://127.0.0.1:5000/#/experiments/1/runs/abc"


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The report of a Hyperband with promotions, failures and many names."""
    trials = []
    for index in range(18):
        values = {"learning_rate_of_the_optimizer": 10 ** -(1 + index / 8), "units": 8 + index}
        values["activation"] = "relu" if index % 2 else EVIL
        lineage = {"bracket": 2, "round": 0, "parent": None}
        score = None if index == 9 else 2.5 - index / 9
        told = {"message": "ValueError: no", "traceback": "Traceback"} if score is None else {}
        trials.append(trial(f"{index:04}", values, score, epochs=2, lineage=lineage, **told))
    for index in range(18, 22):
        parent = f"{index - 4:04}"
        lineage = {"bracket": 2, "round": 1, "parent": parent}
        values = trials[index - 4][0].hyperparameters
        score = 0.3 + (index % 3) / 10
        trials.append(
            trial(f"{index:04}", values, score, initial_epoch=2, epochs=6, lineage=lineage)
        )
    space = [
        number("learning_rate_of_the_optimizer", 1e-4, 1e-1, sampling="log"),
        number("units", 8, 64, "Int"),
        choice("activation", "relu", EVIL),
    ]
    tested = EvaluationEnd(
        *("0018", False, 5, {"loss": 0.4, "accuracy": 0.9}, "loss", "m.keras"),
        baseline={"loss": 1.6, "accuracy": 0.2},
        confusion=[
            [9 if row == column else (row + column) % 3 for column in range(5)] for row in range(5)
        ],
    )
    history = search(
        trials,
        *space,
        strategy="hyperband",
        pruner="median",
        end=completed(),
        evaluation=tested,
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(history, {"0018": LINK}), encoding="utf-8")
    return path


def opened(browser, report, width, scheme, name):
    """The report from disk; nothing may go wrong, and nothing may be asked of a network."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    context.set_offline(True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text))
    page.on("request", lambda got: wrong.append(got.url))
    page.goto(report.as_uri())
    yield page
    save_picture(page, name)
    context.close()
    own = ("data:", "blob:")
    assert [told for told in wrong if not told.startswith(own)] == [report.as_uri()]


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["screen", "telephone"])
def page(request, browser, report):
    width, scheme = request.param
    yield from opened(browser, report, width, scheme, f"report-{width}")


def save_picture(page, name: str) -> None:
    """To be looked at: `SCREENSHOT_DIR=/tmp pytest tests/report/test_browser.py`."""
    folder = os.environ.get("SCREENSHOT_DIR")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_the_report(page):
    """In one test, so that the page is opened once."""
    look_at_pictures(page)
    look_at_the_width(page)
    sort_the_leaderboard(page)
    if page.viewport_size["width"] > PAPER:
        change_the_axis_of_the_score(page)
    else:
        scroll_the_leaderboard(page)
        print_it(page)


def look_at_pictures(page):
    """Each is drawn, whether it was on the screen or not."""
    assert page.locator(".plot").count() == len(DRAWN)
    expect(page.locator(FIRST)).to_have_count(len(DRAWN))
    assert page.evaluate("scrollY") == 0
    for name, marks in DRAWN.items():
        picture = page.locator(f"#{name}")
        expect(picture.locator(marks).first).to_be_attached()
        boxes = picture.locator(marks).evaluate_all(
            "marks => marks.map(mark => mark.getBoundingClientRect().toJSON())"
        )
        frame = picture.locator(".plot").bounding_box()
        seen = [box for box in boxes if box["width"] + box["height"] > 2]
        assert seen, name
        assert any(
            frame["x"] <= box["x"] <= frame["x"] + frame["width"]
            and frame["y"] <= box["y"] <= frame["y"] + frame["height"]
            for box in seen
        ), name
        assert picture.locator(".xtick text, .xaxislayer-above text").count() > 1, name


def look_at_the_width(page):
    """The page is as wide as the screen; what is wider scrolls by itself."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    texts = page.locator("h1, h2, h3, p, figcaption, dd, li")
    assert texts.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth + 1)")


def sort_the_leaderboard(page):
    """By a number, in reverse and by the keyboard; what has no score stays last."""
    table = page.locator("#leaderboard table")

    def column(title):
        titles = table.locator("th").all_text_contents()
        place = [one.strip() for one in titles].index(title) + 1
        return table.locator(f"tbody td:nth-child({place})").all_text_contents()

    trials = column("trial")
    assert len(trials) == 22
    assert trials[-1].strip() == "0009"
    scores = [float(text) for text in column("val_loss")[:-1]]
    assert scores == sorted(scores)
    table.get_by_role("button", name="val_loss").click()
    table.get_by_role("button", name="val_loss").click()
    assert [float(text) for text in column("val_loss")[:-1]] == sorted(scores, reverse=True)
    assert column("val_loss")[-1] == ""
    expect(table.locator("th[aria-sort=descending]")).to_have_text("val_loss")
    table.get_by_role("button", name="units").focus()
    page.keyboard.press("Enter")
    units = [int(text) for text in column("units")]
    assert units == sorted(units)
    table.get_by_role("button", name="activation").click()
    assert column("activation") == sorted(column("activation"))
    expect(table.get_by_role("link", name="0018")).to_have_attribute("href", LINK)


def scroll_the_leaderboard(page):
    """However far it is scrolled, one sees which trial a row is of."""
    page.evaluate("document.querySelector('#leaderboard .table').scrollLeft = 150")
    box = page.locator("#leaderboard .table").bounding_box()
    first = page.locator("#leaderboard tbody td:first-child").first.bounding_box()
    assert first["x"] == pytest.approx(box["x"], abs=2)
    assert first["width"] < box["width"] / 2


def change_the_axis_of_the_score(page):
    """By one switch for all pictures that have one, to and fro."""

    def kinds() -> set[str]:
        names = [name for name in DRAWN if name.startswith(("progress", "slice", "brackets"))]
        script = "plot => Object.entries(plot.layout).filter(([n]) => n.startsWith('yaxis'))"
        found = (
            page.locator(f"#{name} .plot").evaluate(f"{script}.map(([, axis]) => axis.type)")
            for name in names
        )
        return {kind for some in found for kind in some}

    assert kinds() == {"log"}  # the scores lie between 0.3 and 2.5
    page.get_by_label("linear").check()
    assert kinds() == {"linear"}
    page.get_by_label("logarithmic").check()
    assert kinds() == {"log"}


def print_it(page):
    """Pictures are drawn for paper, black on white; nothing is cut off, and all rows are there."""
    size = page.viewport_size
    page.set_viewport_size({"width": PAPER, "height": 900})
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    save_picture(page, "paper")
    beyond = "all => all.filter(one => one.getBoundingClientRect().right > 689).length"
    assert (
        page.locator(".plot .main-svg, .plot text, table, pre, h1, h2, p").evaluate_all(beyond) == 0
    )
    hidden = """all => all.filter(one => one.scrollHeight > one.clientHeight + 1
                                     || one.scrollWidth > one.clientWidth + 1)
                          .map(one => one.ariaLabel)"""
    assert page.locator(".table, .scroll, pre").evaluate_all(hidden) == []
    color = "text => getComputedStyle(text).fill"
    assert set(page.locator(".xtick text").evaluate_all(f"all => all.map({color})")) == {TEXT}
    assert all(
        page.locator("details pre").evaluate_all("all => all.map(one => one.checkVisibility())")
    )
    assert not page.locator("nav").is_visible()
    page.emulate_media(media="screen")
    page.set_viewport_size(size)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    narrower = "all => all.filter(one => one.firstElementChild.clientWidth < one.clientWidth - 1)"
    assert page.locator(".plot").evaluate_all(f"{narrower}.length") == 0
