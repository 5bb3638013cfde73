"""The page is made of every search, and says what it cannot show."""

import math
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from pipeline.journal.callbacks import EvaluationEnd, Status
from pipeline.report.__main__ import main
from pipeline.report.figures import figures, pictures
from pipeline.report.layout import readable
from pipeline.report.page import render, write_report
from tests import records
from tests.report.made import SPACE, choice, completed, number, plain, search, trial

ALL = [
    "progress_trials",
    "progress_epochs",
    "progress_seconds",
    "curves",
    "training",
    "importances",
    "parallel_coordinates",
    "slice",
    "contour",
    "timeline",
]
X, Y = number("x", 0.0, 1.0), number("y", 0, 20, "Int")


def missing(history) -> dict[str, str]:
    return {picture.name: picture.caption for picture in pictures(history) if not picture.figure}


def text_of(page: str) -> str:
    """What a page says outside of scripts and styles."""
    told: list[str] = []

    class Reader(HTMLParser):
        silent = False

        def handle_starttag(self, tag, attributes):
            self.silent = tag in ("script", "style")

        def handle_endtag(self, tag):
            self.silent = False

        def handle_data(self, data):
            if not self.silent:
                told.append(data)

    Reader().feed(page)
    return " ".join(" ".join(told).split())


def test_all_pictures_in_order():
    assert list(figures(plain(30))) == ALL


def test_what_it_says_of_a_finished_search():
    tested = EvaluationEnd("0003", False, 5, {"accuracy": 0.75, "loss": 0.25}, "loss", "m.keras")
    history = plain(30, evaluation=tested, total_trials=40)
    page = text_of(render(history, {}))
    best = history.ranked()[0]
    assert "random searched 4 hyperparameters of the model mlp on the dataset digits" in page
    assert f"The best is trial {best.begin.trial}" in page
    assert "accuracy 0.75 and loss 0.25" in page
    assert "0 failed, of 40 planned" in page
    assert "0.0001 to 0.1, logarithmic" in page
    assert "No trial has failed." in page


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("history", "absent", "why"),
    [
        (search([], *SPACE), ALL, "none has one"),
        (plain(1), ALL[5:9], "1 has one"),
        (plain(9), ["importances"], "It needs 10 trials with a score; 9 have one."),
        (
            search([trial(f"{i:04}", {}, None, message="no") for i in range(3)], *SPACE),
            ALL[:3] + ALL[4:9],
            "none has one",
        ),
        (search([trial(f"{i:04}", {}, i / 9) for i in range(9)]), ALL[5:9], "is searched"),
        (
            search([trial(f"{i:04}", {"x": i / 20}, i / 20) for i in range(20)], X),
            ["contour"],
            "two hyperparameters that differ",
        ),
        (
            search([trial(f"{i:04}", {"x": i / 20, "y": i}, 0.5) for i in range(20)], X, Y),
            ["importances"],
            "the same score",
        ),
        (
            search([trial(f"{i:04}", {"x": 0.5, "y": 3}, i / 20) for i in range(20)], X, Y),
            ["parallel_coordinates", "slice", "contour"],
            "the same hyperparameters",
        ),
        (
            search(
                [
                    trial(f"{i:04}", {"x": i / 20}, [0.5, math.nan, math.inf][i % 3])
                    for i in range(9)
                ],
                X,
            ),
            ["importances", "contour"],
            "3 have one",
        ),
        (
            search(
                [
                    trial(f"{i:04}", {"o": "ab"[i % 2], **({"x": i / 20} if i % 2 else {})}, i / 20)
                    for i in range(20)
                ],
                choice("o", "a", "b"),
                X,
            ),
            ["contour"],
            "in the trials that have both",
        ),
    ],
    ids=[
        "empty",
        "one trial",
        "few trials",
        "all failed",
        "no hyperparameter",
        "one hyperparameter",
        "constant objective",
        "equal trials",
        "scores that are no numbers",
        "conditional",
    ],
)
def test_pictures_that_are_missing_say_why(history, absent, why):
    told = missing(history)
    assert sorted(told) == sorted(absent)
    page = text_of(render(history, {}))
    assert all(sentence in page for sentence in told.values())
    assert any(why in sentence for sentence in told.values())


@pytest.mark.parametrize("told", [math.nan, math.inf, -math.inf])
def test_epochs_that_are_no_numbers_leave_the_others(told, tmp_path):
    begin, *epochs, end = trial("0000", {"x": 0.5}, 0.25)
    epochs[1] = records.epoch_end(epoch=1, val_loss=told)
    records.write(tmp_path, records.search_begin(space=[X]), begin, *epochs, end)
    page = write_report(tmp_path).read_text()
    assert "NaN" not in page.partition("<main>")[2].partition("<script>")[0]
    assert "Infinity" not in page.partition("<main>")[2].partition("<script>")[0]


def test_what_runs_and_what_was_interrupted():
    trials = [trial("0000", {"x": 0.5}), trial("0001", {"x": 0.1}, running=True)]
    assert "1 trial completed, 1 running. The search has not ended" in text_of(
        render(search(trials, X), {})
    )
    stopped = search(trials, X, end=completed(status=Status.INTERRUPTED, message="interrupted"))
    assert "1 interrupted. The search was interrupted; the same command" in text_of(
        render(stopped, {})
    )


def test_failures_are_grouped_by_what_is_the_same_of_their_reasons():
    trials = [
        trial(f"{i:04}", {"x": 0.5}, None, message=f"OOM: no room for [{i}]", traceback="Trace")
        for i in range(4)
    ]
    trials.append(trial("0004", {"x": 0.5}, None, message="ValueError: no"))
    page = text_of(render(search(trials, X), {}))
    assert "4 attempts: OOM: no room for [0] Trials 0000, 0001, 0002, 0003." in page
    assert "1 attempt: ValueError: no Trials 0004." in page


def test_links_to_mlflow():
    page = render(plain(3), {"0001": "http://127.0.0.1:5000/#/experiments/1/runs/abc"})
    links = re.findall(r'<a href="([^"#]+#[^"]*)"', page)
    assert links == ["http://127.0.0.1:5000/#/experiments/1/runs/abc"] * 2  # best, and all


def test_only_pages_of_the_web_are_linked():
    page = render(plain(3), {"0001": "javascript:alert(1)", "0002": "file:///etc/passwd"})
    assert "javascript:alert" not in page
    assert "/etc/passwd" not in page


def test_the_best_trials_have_each_configuration_once():
    trials = [trial(f"{i:04}", {"x": 0.1 * (i % 6)}, 1 - i / 9) for i in range(8)]
    page = render(search(trials, X), {})
    start = page.index('aria-label="Best trials"')
    best = page[start : page.index("</table>", start)]
    assert re.findall(r">(000\d)<", best) == ["0007", "0006", "0005", "0004", "0003"]


def test_nothing_that_people_name_is_taken_for_html():
    evil = "<script>alert(1)</script>"
    values = {evil: evil, "y": 3}
    trials = [trial(f"{i:04}", values | {"y": i}, i / 9) for i in range(12)]
    trials.append(trial("0012", values, None, message=evil, traceback=evil))
    history = search(
        trials,
        choice(evil, evil, "b"),
        Y,
        name=evil,
        dataset=evil,
        model=evil,
        objective="val_loss",
        overrides=[evil],
        config={evil: [evil]},
        versions={evil: evil},
        dataset_info={"source": evil},
    )
    page = render(history, {"0000": "https://example.org/" + evil})
    assert evil not in page
    assert evil in text_of(page)


def test_hyperband_has_a_picture_of_its_brackets():
    trials = [
        trial(
            f"{i:04}",
            {"x": i / 9},
            i / 9,
            epochs=2,
            lineage={"bracket": 1, "round": 0, "parent": None},
        )
        for i in range(4)
    ]
    parent = {"bracket": 1, "round": 1, "parent": "0000"}
    trials.append(trial("0004", {"x": 0.0}, 0.01, initial_epoch=2, epochs=6, lineage=parent))
    history = search(trials, X, strategy="hyperband")
    lines, ended, promoted = figures(history)["brackets"].data
    assert list(promoted.text) == ["0000"]
    assert sorted(ended.text) == ["0001", "0002", "0003", "0004"]
    assert list(lines.y[:2]) == [0.0, 0.01]
    assert "brackets" not in figures(plain(5))
    front = next(line for line in figures(history)["curves"].data if "trial 0004" in line.name)
    assert list(front.x) == [0, 1, 2, 3, 4, 5]  # with the epochs of what it continues


def test_one_value_of_a_billion_does_not_flatten_the_others():
    assert readable([0.1, 0.2, 0.3, 0.25, 1e9], "min") == (0.1, 0.3)
    assert readable([0.9, 0.8, 0.7, 0.75, -1e9], "max") == (0.7, 0.9)
    assert readable([0.5], "min") == (0.5, 0.5)
    trials = [trial(f"{i:04}", {"x": i / 20, "y": i}, 0.5 + i / 100) for i in range(19)]
    trials.append(trial("0019", {"x": 0.9, "y": 19}, 1e9))
    shown = {picture.name: picture for picture in pictures(search(trials, X, Y))}
    assert shown["slice"].figure.layout.yaxis.range[1] < 1
    assert "1 value above 0.68 outside" in shown["slice"].caption
    assert "the 19 best of 20 trials" in shown["parallel_coordinates"].caption


@pytest.mark.parametrize("direction", ["min", "max"])
def test_the_best_is_shown_however_far_it_is_from_the_others(direction):
    sign = 1 if direction == "min" else -1
    scores = [sign * (2.3 + i / 1000) for i in range(20)] + [sign * 0.1]
    assert readable(scores, direction) == (min(scores), max(scores))


def test_best_so_far_counts_everything_that_was_spent():
    trials = [
        trial("0000", {"x": 0.1}, 0.5, start=0.0),
        trial("0001", {"x": 0.2}, None, start=10.0, final=False),
        trial("0001", {"x": 0.2}, 0.7, attempt=1, start=20.0),
        trial("0002", {"x": 0.3}, 0.2, start=30.0),
    ]
    shown = figures(search(trials, X))
    _, best = shown["progress_trials"].data
    assert (list(best.x), list(best.y)) == ([1, 2, 3, 3], [0.5, 0.5, 0.2, 0.2])
    _, best = shown["progress_epochs"].data
    assert list(best.x) == [5, 15, 20, 20]
    _, best = shown["progress_seconds"].data
    assert list(best.x) == [8, 24, 32, 32]


def test_the_command(tmp_path, capsys):
    begin, *told = trial("0000", {"x": 0.5})
    records.write(tmp_path, records.search_begin(space=[X]), begin, *told)
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/report.html\n"
    other = tmp_path / "other.html"
    assert main([str(tmp_path), "--output", str(other)]) == 0
    assert other.read_text() == (tmp_path / "report.html").read_text()


def test_the_command_answers_mistakes_in_a_sentence(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    told = f"error: {tmp_path} is no search's folder: it has no journal.jsonl\n"
    assert capsys.readouterr().err == told
    (tmp_path / "journal.jsonl").write_text("{}\n")
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "journal.jsonl").unlink()
    records.write(tmp_path, records.search_begin())
    assert main([str(tmp_path), "--output", str(tmp_path / "no" / "report.html")]) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_it_needs_no_keras_and_no_mlflow():
    heavy = ("keras", "keras_tuner", "tensorflow", "mlflow")
    script = f"import sys, pipeline.report; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
