"""The report of a sweep: what it concludes, and what it says of what it cannot compare."""

import dataclasses
import math
import re

import pytest
from mlflow import MlflowClient

from pipeline.journal.callbacks import Status
from pipeline.report.__main__ import main
from pipeline.sweep.continuation import Sweep
from pipeline.sweep.jobs import note_job
from pipeline.sweep.loading import load_sweep, of_jobs
from pipeline.sweep.page import render_comparison
from pipeline.sweep.page.conclusions import conclusions, no_conclusion, sentences
from pipeline.sweep.page.groups import groups_of
from pipeline.sweep.page.pictures import pictures_of
from pipeline.sweep.page.tables import trial_columns, trial_rows
from tests.report.made import completed, trial
from tests.report.test_page import text_of
from tests.sweep.made_sweep import SWEEP, job, sweep, trials, write_search

SEED = "Each ran with one seed; with another seed the order may be another."


@pytest.fixture
def folder(tmp_path):
    """The folder of a sweep, where the pipeline puts it."""
    folder = tmp_path / "sweeps" / SWEEP
    folder.mkdir(parents=True)
    return folder


def concluded(made) -> list[str]:
    (group,) = groups_of(made.searches)
    return conclusions(group, made)


def test_what_it_concludes(tmp_path):
    made = sweep(
        tmp_path,
        {
            "random": trials(0.9, 0.5, None, 0.7),
            "grid": trials(0.8, 0.6),
            "hyperband": trials(0.4, 0.2),
        },
        hyperband=0.35,
        random=0.3,
    )
    assert concluded(made) == [
        "hyperband has the best val_loss, 0.2; next is random with 0.5.",
        "All 3 reached val_loss 0.6, the best of grid: hyperband soonest, after 2 epochs; random "
        "and grid last, after 4 epochs.",
        "All 3 reached val_loss 0.6, the best of grid: hyperband soonest, after 8.0 s of trials; "
        "random and grid last, after 16.0 s of trials.",
        "On test data the best model is of random, loss 0.3; next is that of hyperband with 0.35.",
        SEED,
    ]


def test_what_does_not_differ_is_no_conclusion(tmp_path):
    made = sweep(tmp_path, {"random": trials(0.9, 0.5), "grid": trials(0.8, 0.5)})
    (group,) = groups_of(made.searches)
    assert conclusions(group, made) == []
    assert no_conclusion(group).startswith("The searches do not differ in best score")
    assert no_conclusion(group) in text_of(render_comparison(made, tmp_path))


def test_two_that_share_the_best_score_are_both_named(tmp_path):
    made = sweep(tmp_path, {"a": trials(0.5), "b": trials(0.9, 0.5), "c": trials(0.50001)})
    best, soonest, *_ = concluded(made)
    assert best == "a and b have the best val_loss, 0.5; next is c with 0.50001."
    assert soonest.endswith("a and c soonest, after 2 epochs; b last, after 4 epochs.")


def test_one_search_is_compared_with_nothing(tmp_path):
    made = sweep(tmp_path, {"random": trials(0.9, 0.5)})
    assert concluded(made) == []
    assert "Only random has a score" in text_of(render_comparison(made, tmp_path))


def test_a_strategy_that_ran_with_two_seeds_did_not_run_once(tmp_path):
    jobs = [
        job(
            place,
            strategy,
            write_search(tmp_path, strategy, trials(0.5 + place / 9), seed=seed),
            seed=seed,
        )
        for place, (strategy, seed) in enumerate([("random", 0), ("random", 1), ("grid", 0)])
    ]
    made = of_jobs(tmp_path, jobs, ended=True)
    assert SEED not in concluded(made)
    assert "random seed 1" in text_of(render_comparison(made, tmp_path))


def test_the_larger_is_better_where_it_is_maximised(tmp_path):
    kind = {"objective": "val_accuracy", "direction": "max"}
    jobs = [
        job(place, name, write_search(tmp_path, name, told, **kind), **kind)
        for place, (name, told) in enumerate({"a": trials(0.5, 0.7), "b": trials(0.9)}.items())
    ]
    made = of_jobs(tmp_path, jobs, ended=True)
    best, soonest, *_ = concluded(made)
    assert best.startswith("b has the best val_accuracy so far, 0.9; next is a with 0.7")
    assert "val_accuracy 0.7, the best of a: b soonest, after 2 epochs; a last" in soonest
    assert [row.cells[4].text for row in trial_rows(made.searches, groups_of(made.searches))] == [
        "0.9",
        "0.7",
        "0.5",
    ]


def test_only_what_is_comparable_is_compared(tmp_path):
    kinds = [
        ("digits", "val_loss", "min", "made"),
        ("digits", "val_loss", "min", "made"),
        ("digits", "val_accuracy", "max", "made"),
        ("csv", "val_loss", "min", "/a.csv"),
        ("csv", "val_loss", "min", "/b.csv"),
    ]
    jobs = []
    for place, (dataset, objective, direction, source) in enumerate(kinds):
        kind = {"dataset": dataset, "objective": objective, "direction": direction}
        told = trials(0.5 + place / 10, None)
        made = write_search(tmp_path, "random", told, dataset_info={"source": source}, **kind)
        jobs.append(job(place, "random", made, overrides=[f"dataset.path={source}"], **kind))
    made = of_jobs(tmp_path, jobs, ended=True)
    groups = groups_of(made.searches)
    assert [group.where for group in groups] == [
        "digits by val_loss (min)",
        "digits by val_accuracy (max)",
        "csv by val_loss (min), /a.csv",
        "csv by val_loss (min), /b.csv",
    ]
    assert "4 different combinations of data and objective" in sentences(made)[1]
    assert [bool(conclusions(group, made)) for group in groups] == [True, False, False, False]
    columns = trial_columns(made.searches, groups)
    assert columns[4:8] == [f"score on {group.where}" for group in groups]
    rows = trial_rows(made.searches, groups)
    assert [row.cells[2].text for row in rows] == ["1", "2", "1", "1", "1", *[""] * 5]
    assert [sum(cell.text != "" for cell in row.cells[4:8]) for row in rows] == [1] * 5 + [0] * 5
    page = text_of(render_comparison(made, tmp_path))
    assert all(f"Searches on {group.where}" in page for group in groups)


def test_each_line_ends_where_its_search_ended(tmp_path):
    made = sweep(tmp_path, {"a": trials(0.9, None, 0.5), "b": trials(40.0, 0.6)})
    (group,) = groups_of(made.searches)
    epochs, seconds = (picture.figure for picture in pictures_of(group, 0))
    assert [line.name for line in epochs.data] == ["a (best)", "b"]
    assert (list(epochs.data[0].x), list(epochs.data[0].y)) == ([2, 6, 6], [0.9, 0.5, 0.5])
    assert list(seconds.data[1].x) == [8, 16, 16]


def test_the_score_axis_shows_what_matters_of_every_search(tmp_path):
    made = sweep(tmp_path, {"a": trials(40.0, 0.9, 0.5), "b": trials(39.0), "c": trials(0.6)})
    (group,) = groups_of(made.searches)
    picture = pictures_of(group, 0)[0]
    assert picture.figure.layout.yaxis.type == "log"
    low, high = picture.figure.layout.yaxis.range
    assert low < math.log10(0.5)
    assert math.log10(39) < high < math.log10(50)  # that of b is the worst, and all that it has
    assert "1 value above 39 outside" in picture.caption


def test_searches_that_did_not_complete_are_shown_as_such(tmp_path):
    stopped = completed(status=Status.INTERRUPTED, message="interrupted")
    no_luck = completed(status=Status.FAILED, message="2 trials in a row failed")
    wrong = "strategy.max_trials must be an integer >= 1; received 0"
    jobs = [
        job(0, "random", write_search(tmp_path, "random", trials(0.5), end=completed(), loss=0.4)),
        job(1, "grid", None, exit_code=2, message=wrong),
        job(
            2,
            "bayesian",
            write_search(tmp_path, "bayesian", trials(None, None), end=no_luck),
            exit_code=1,
            message="2 trials in a row failed",
        ),
        job(3, "hyperband", write_search(tmp_path, "hyperband", trials(0.7))),
        job(4, "mine", write_search(tmp_path, "mine", trials(0.8), end=stopped)),
    ]
    made = of_jobs(tmp_path, jobs, ended=False)
    page = text_of(render_comparison(made, tmp_path))
    assert "Comparison 1 completed 1 not ended 1 interrupted 2 failed" in page
    assert "Searches that completed: 1 of 5. The sweep has not ended" in page
    assert f"grid failed: {wrong}" in page
    assert "bayesian failed: 2 trials in a row failed" in page
    assert "hyperband has not ended: it runs, or its process died." in page
    assert "mine was interrupted; the same command continues it." in page
    assert "random has the best val_loss so far, 0.5; next is hyperband with 0.7." in page
    assert "All 3 with a score" not in page  # all needed two epochs
    assert "Searches without a score" in page
    none = of_jobs(tmp_path, jobs[1:3], ended=True)
    assert "No search has a score." in text_of(render_comparison(none, tmp_path))


def test_links(tmp_path, folder):
    made = sweep(tmp_path, {"random": trials(0.9, 0.5), "grid": trials(0.8)})
    (tmp_path / "search-0" / "report.html").touch()
    run = "http://127.0.0.1:5000/#/experiments/1/runs/abc"
    first, second = made.searches
    made = dataclasses.replace(made, searches=(first, dataclasses.replace(second, run=run)))
    page = render_comparison(made, folder)
    links = re.findall(r'<a href="([^#"]+[^"]*)"[^>]*(data-\w+)>', page)
    assert links == [("../../search-0/report.html", "data-file"), (run, "data-run")]


def test_nothing_that_people_name_is_taken_for_html(tmp_path):
    evil = "<script>alert(1)</script>"
    told = [*trials(0.5), trial("0001", {evil: evil}, None, message=evil)]
    jobs = [
        job(0, evil, write_search(tmp_path, evil, told, name=evil), model=evil),
        job(1, "grid", None, exit_code=2, message=evil, overrides=[evil]),
    ]
    page = render_comparison(of_jobs(tmp_path, jobs, ended=True), tmp_path)
    assert evil not in page
    assert evil in text_of(page)


def test_the_command_on_a_sweep_that_runs(tmp_path, folder, capsys):
    Sweep(SWEEP, "f", 1.0).write(folder)
    assert main([str(folder)]) == 2
    assert capsys.readouterr().err == f"error: no search of the sweep in {folder} has begun\n"
    done = write_search(tmp_path, "random", trials(0.5), end=completed(), loss=0.4)
    note_job(job(0, "random", done), folder)
    write_search(tmp_path, "grid", [*trials(0.7), trial("0001", {}, running=True)])
    write_search(tmp_path, "other", trials(0.1), name="of another sweep").joinpath(
        "journal.jsonl"
    ).write_text("")
    assert main([str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}/comparison.html\n"
    page = text_of((folder / "comparison.html").read_text())
    assert "2 searches on digits with mlp by val_loss (min)" in page
    assert "The sweep has not ended" in page
    assert "grid has not ended" in page
    assert "running" in page
    assert main([str(folder), "--uri", "sqlite:///x.db"]) == 2
    assert "an address goes with a run's id" in capsys.readouterr().err


def test_the_command_on_runs(store, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(store)
    tags = {"pipeline.kind": "comparison", "pipeline.sweep": SWEEP}
    run = client.create_run(client.create_experiment("digits"), tags=tags, run_name="c")
    assert main([run.info.run_id, "--uri", store]) == 2
    told = f"error: the run 'c' ({run.info.run_id}) has no artifact comparison.json\n"
    assert capsys.readouterr().err == told
    assert not list(tmp_path.glob("*.html"))


def test_a_folder_that_ended_without_notes_of_its_own(tmp_path, folder):
    Sweep(SWEEP, "f", 1.0, ended=True).write(folder)
    write_search(tmp_path, "random", trials(0.5), end=completed(), loss=0.4)
    loaded = load_sweep(folder)
    assert (loaded.sweep, loaded.ended, [row.label for row in loaded.rows]) == (
        SWEEP,
        True,
        ["random"],
    )
