"""A sweep's searches side by side: rows, table, files, plot, MLflow run and the Hydra callback."""

import csv
import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from mlflow import MlflowClient
from rich.console import Console

from pipeline.journal import history
from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    SearchBegin,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.report.__main__ import main
from pipeline.sweep.comparison import compare
from pipeline.sweep.files import draw, write_files
from pipeline.sweep.jobs import Job, forget_jobs, note_job, read_jobs
from pipeline.sweep.standings import best_so_far, gather, rank, running_seconds
from pipeline.sweep.text import conclusions, markdown, table, title
from tests.processes import ROOT

START = 1_700_000_000.0


def begin(
    search, *, dataset="digits", objective="val_loss", direction="min", source="made", time=0
):
    return SearchBegin(
        search=search,
        name=search,
        strategy="random",
        dataset=dataset,
        model="mlp",
        task="classification",
        objective=objective,
        direction=direction,
        fingerprint="f",
        sweep="s",
        seed=0,
        executions_per_trial=1,
        total_trials=None,
        total_epochs=None,
        dataset_info={"source": source},
        space=[],
        config={},
        overrides=[],
        versions={},
        time=START + time,
    )


def trial(number, score, *, epochs=2, time, attempt=0, status=None, final=True):
    """The records of one attempt, which ends at `time`."""
    name = f"{number:03}"
    status = status or (Status.FAILED if score is None else Status.COMPLETED)
    yield TrialBegin(name, attempt, {"units": 8}, {}, 0, epochs, START + time - 1)
    for epoch in range(epochs):
        yield EpochEnd(name, attempt, 0, epoch, {"val_loss": 1.0}, START + time - 0.5)
    yield TrialEnd(
        trial=name,
        attempt=attempt,
        status=status,
        score=score,
        best_epoch=None if score is None else 0,
        metrics={},
        epochs_trained=epochs,
        duration_seconds=1.0,
        final=final,
        message=None,
        traceback=None,
        time=START + time,
    )


def search_records(name, scores, *, test=None, score_name="loss", epochs=2, **arguments):
    """The records of a search: a trial a second, `epochs` each; a score of None is a failure."""
    yield begin(name, **arguments)
    for number, score in enumerate(scores):
        yield from trial(number, score, epochs=epochs, time=number + 1)
    yield SearchEnd(Status.COMPLETED, "000", None, START + len(scores) + 0.5)
    if test is not None:
        yield EvaluationEnd("000", False, 2, test, score_name, "best_model.keras", [], START + 99)


def write_journal(directory: Path, records) -> Path:
    directory.mkdir(parents=True)
    journal = history.Journal(directory)
    hooks = {
        SearchBegin: journal.on_search_begin,
        TrialBegin: journal.on_trial_begin,
        EpochEnd: journal.on_epoch_end,
        TrialEnd: journal.on_trial_end,
        SearchEnd: journal.on_search_end,
        EvaluationEnd: journal.on_evaluation_end,
    }
    for record in records:
        hooks[type(record)](record)
    journal.close()
    return directory


def make_job(number, strategy, directory=None, *, overrides=(), **changes):
    values = {
        "dataset": "digits",
        "model": "mlp",
        "seed": 0,
        "objective": "val_loss",
        "direction": "min",
        "experiment": "digits",
        "exit_code": 0,
        "message": None,
    }
    return Job(
        number=number,
        strategy=strategy,
        overrides=[f"strategy={strategy}", *overrides],
        directory=None if directory is None else str(directory),
        **values | changes,
    )


@pytest.fixture
def four_jobs(tmp_path):
    """Three searches with a result, one job whose configuration is wrong."""
    searches = {
        "random": [0.9, 0.5, None, 0.7],
        "grid": [0.8, 0.6],
        "hyperband": [2.0, 0.3, 0.4, 0.2, 0.25],
    }
    jobs = [
        make_job(
            number,
            strategy,
            write_journal(
                tmp_path / strategy,
                search_records(
                    f"digits-mlp-{strategy}",
                    scores,
                    test={"accuracy": 0.9, "loss": min(filter(None, scores)) + 0.1},
                ),
            ),
        )
        for number, (strategy, scores) in enumerate(searches.items())
    ]
    message = "strategy.max_trials must be an integer >= 1; received 0"
    return [*jobs, make_job(3, "bayesian", exit_code=2, message=message)]


def rows_of(jobs):
    return [search.row for search in gather(jobs)]


def ranked_rows(jobs):
    return [search.row for search in rank(gather(jobs))]


def printed(renderable, width=80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()


def test_rows_tell_what_the_journals_hold(four_jobs):
    rows = {row.label: row for row in rows_of(four_jobs)}
    random = rows["random"]
    assert (random.trials, random.failed, random.epochs_trained) == (4, 1, 8)
    assert (random.best_score, random.best_trial, random.search) == (
        0.5,
        "001",
        "digits-mlp-random",
    )
    assert random.seconds == pytest.approx(4.5)
    assert (random.test_metric, random.test_result) == ("loss", pytest.approx(0.6))
    assert random.curve == ((2, 0.9), (4, 0.5), (8, 0.5))
    assert random.reason is None
    assert rows["bayesian"].reason == four_jobs[3].message
    assert rows["bayesian"].best_score is None


def test_rank_puts_the_best_first_and_failures_last(four_jobs):
    ranked = ranked_rows(four_jobs)
    assert [row.label for row in ranked] == ["hyperband", "random", "grid", "bayesian"]
    assert [row.best for row in ranked] == [True, False, False, False]


def test_direction_is_respected_and_ties_go_to_fewer_epochs(tmp_path):
    scores = {"a": [0.7, 0.9], "b": [0.9], "c": [0.8]}
    kind = {"objective": "val_accuracy", "direction": "max"}
    jobs = [
        make_job(i, name, write_journal(tmp_path / name, search_records(name, s, **kind)), **kind)
        for i, (name, s) in enumerate(scores.items())
    ]
    ranked = ranked_rows(jobs)
    assert [row.label for row in ranked] == ["b", "a", "c"]
    assert ranked[1].curve == ((2, 0.7), (4, 0.9))
    assert draw(ranked).axes[0].get_ylabel() == "best val_accuracy so far (higher is better)"


def test_only_the_same_data_and_objective_are_compared(tmp_path):
    kinds = [
        ("digits", "val_loss", "min", "made"),
        ("wine", "val_loss", "min", "made"),
        ("digits", "val_accuracy", "max", "made"),
        ("csv", "val_loss", "min", "/a.csv"),
        ("csv", "val_loss", "min", "/b.csv"),
    ]
    jobs = []
    for number, (dataset, objective, direction, source) in enumerate(kinds):
        kind = {"dataset": dataset, "objective": objective, "direction": direction}
        records = search_records(f"search-{number}", [0.5 + number], **kind, source=source)
        overrides = [f"dataset={dataset}", f"dataset.path={source}"]
        folder = write_journal(tmp_path / str(number), records)
        jobs.append(make_job(number, "random", folder, overrides=overrides, **kind))
    ranked = ranked_rows(jobs)
    assert all(row.best for row in ranked)
    assert len(conclusions(ranked)) == 5
    assert title(ranked) == "5 searches with mlp"
    assert len(draw(ranked).axes) == 5
    text = printed(table(ranked), 140)
    assert "dataset.path=/b.csv" in text
    assert "val_accuracy" in text


def test_labels_tell_what_differs(tmp_path):
    def labels(*jobs):
        return [row.label for row in rows_of(jobs)]

    assert labels(make_job(0, "random"), make_job(1, "grid")) == ["random", "grid"]
    assert labels(make_job(0, "grid"), make_job(1, "grid")) == ["grid (job 0)", "grid (job 1)"]
    seeds = [make_job(i, "random", seed=i, overrides=[f"seed={i}", "verbose=0"]) for i in (0, 1)]
    assert labels(*seeds) == ["random seed 0", "random seed 1"]
    varied = [
        make_job(
            i,
            "random",
            dataset=dataset,
            model=model,
            overrides=[f"dataset={dataset}", f"model={model}", f"training.epochs={i}"],
        )
        for i, (dataset, model) in enumerate([("wine", "mlp"), ("digits", "cnn")])
    ]
    assert labels(*varied) == [
        "random wine mlp training.epochs=0",
        "random digits cnn training.epochs=1",
    ]


def test_jobs_of_the_same_search_count_once(tmp_path):
    folder = write_journal(tmp_path / "s", search_records("s", [0.5]))
    rows = rows_of([make_job(0, "random", folder), make_job(1, "random", folder)])
    assert [row.label for row in rows] == ["random"]


def test_unreadable_journals_do_not_lose_the_others(tmp_path):
    good = write_journal(tmp_path / "good", search_records("good", [0.5]))
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / history.FILE_NAME).write_text("{}\n")
    jobs = [
        make_job(0, "grid", bad),
        make_job(1, "random", good),
        make_job(2, "x", tmp_path / "no"),
    ]
    ranked = ranked_rows(jobs)
    assert [row.label for row in ranked] == ["random", "grid", "x"]
    assert ranked[1].reason.startswith("its journal cannot be read: ")
    assert ranked[2].reason.startswith("its journal cannot be read: ")


def test_best_so_far_counts_failed_attempts_and_ends_without_epochs():
    records = [
        begin("s"),
        *trial(0, None, time=1, epochs=3, final=False),
        *trial(0, 0.5, time=2, attempt=1),
        *trial(1, 0.4, time=3, epochs=0),
        *trial(2, None, time=4, status=Status.INTERRUPTED, epochs=1),
    ]
    assert best_so_far(history.fold(records)) == ((5, 0.4), (6, 0.4))
    assert best_so_far(history.fold(records[:1])) == ()


def test_running_seconds_leaves_pauses_out():
    records = [
        begin("s", time=0),
        *trial(0, 0.5, time=10),
        begin("s", time=1000),
        *trial(1, 0.4, time=1005),
        SearchEnd(Status.COMPLETED, "001", None, START + 1006),
        EvaluationEnd("001", False, 2, {}, "loss", "m", [], START + 1100),
    ]
    assert running_seconds(records) == pytest.approx(16)
    assert running_seconds(records[:3]) == pytest.approx(9.5)


def test_table_fits_a_terminal(four_jobs):
    text = printed(table(ranked_rows(four_jobs)))
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip(" ─")]
    assert lines == [
        "4 searches on digits with mlp by val_loss (min)",
        "strategy trials failed epochs seconds best score test result",
        "best hyperband 5 0 10 5.5 0.2 loss 0.3",
        "random 4 1 8 4.5 0.5 loss 0.6",
        "grid 2 0 4 2.5 0.6 loss 0.7",
        "bayesian 0 0 0 0.0 - -",
    ]


def test_markdown_is_cut_to_what_mlflow_takes(four_jobs):
    ranked = ranked_rows(four_jobs)
    text = markdown(ranked)
    assert "Best on digits: hyperband, val_loss 0.2 (min), test loss 0.3" in text
    assert "| best | hyperband | 5 | 0 | 10 | 5.5 | 0.2 | loss 0.3 |" in text
    assert "bayesian: strategy.max_trials must be" in text
    text = markdown(ranked * 60)
    assert 7000 < len(text) <= 8000
    assert text.endswith("The rest is in comparison.csv.")


def test_files(four_jobs, tmp_path):
    ranked = ranked_rows(four_jobs)
    files = write_files(ranked, tmp_path)
    assert [path.name for path in files] == ["comparison.csv", "comparison.json", "best_score.png"]
    with files[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["hyperband", "random", "grid", "bayesian"]
    assert (rows[0]["best"], rows[0]["best_score"], rows[0]["test_accuracy"]) == (
        "True",
        "0.2",
        "0.9",
    )
    assert rows[3]["reason"] == four_jobs[3].message
    content = json.loads(files[1].read_text())
    assert content["searches"][0]["curve"] == [[2, 2.0], [4, 0.3], [8, 0.2], [10, 0.2]]
    assert files[2].stat().st_size > 10_000
    assert [path.name for path in write_files(ranked[3:], tmp_path)] == [
        "comparison.csv",
        "comparison.json",
    ]


def test_notes_survive_and_are_forgotten(tmp_path):
    jobs = [make_job(number, "random") for number in (0, 2, 10)]
    for job in reversed(jobs):
        note_job(job, tmp_path)
    assert read_jobs(tmp_path) == jobs
    forget_jobs(tmp_path)
    assert read_jobs(tmp_path) == []


def test_mlflow_run(four_jobs, tmp_path, capsys):
    sweep = tmp_path / "sweep-1"
    jobs = [
        dataclasses.replace(four_jobs[3], number=0),
        *(dataclasses.replace(job, number=job.number + 1) for job in four_jobs[:3]),
    ]
    for job in jobs:
        note_job(job, sweep)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    console = Console(file=io.StringIO(), width=80)
    compare(sweep, tracking_uri=uri, console=console)
    text = console.file.getvalue()
    assert "bayesian: strategy.max_trials must be" in text
    assert "Best on digits: hyperband" in text
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("digits")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "comparison-digits-mlp"
    tags = {name: value for name, value in run.data.tags.items() if name.startswith("pipeline.")}
    assert tags == {
        "pipeline.kind": "comparison",
        "pipeline.sweep": "sweep-1",
        "pipeline.status": "COMPLETED",
        "pipeline.dataset": "digits",
        "pipeline.model": "mlp",
        "pipeline.objective": "val_loss",
        "pipeline.direction": "min",
        "pipeline.best_search": "digits-mlp-hyperband",
    }
    assert "| best | hyperband |" in run.data.tags["mlflow.note.content"]
    assert run.data.metrics["best_score/hyperband"] == 0.2
    assert run.data.metrics["epochs_trained/random"] == 8
    assert run.data.metrics["test_loss/grid"] == pytest.approx(0.7)
    assert run.data.metrics["seconds/grid"] == pytest.approx(2.5)
    points = client.get_metric_history(run.info.run_id, "best_score/hyperband")
    assert [(point.step, point.value) for point in points] == [
        (2, 2.0),
        (4, 0.3),
        (8, 0.2),
        (10, 0.2),
    ]
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert artifacts == {
        "comparison.csv",
        "comparison.json",
        "best_score.png",
        "comparison.html",
    }
    assert "not logged" not in capsys.readouterr().err
    page = tmp_path / "page.html"
    assert main([run.info.run_id, "--uri", uri, "--output", str(page)]) == 0
    told = page.read_text()
    assert "hyperband (best)" in told
    assert "bayesian failed: strategy.max_trials must be" in told
    assert "No search&#39;s journal is there." in told  # MLflow was told of no search


def test_mlflow_away(four_jobs, tmp_path, capsys):
    for job in four_jobs:
        note_job(job, tmp_path / "sweep")
    console = Console(file=io.StringIO())
    rows = compare(
        tmp_path / "sweep", tracking_uri="http://reader:secret@127.0.0.1:9", console=console
    )
    assert rows[0].best
    assert (tmp_path / "sweep/best_score.png").exists()
    assert (tmp_path / "sweep/comparison.html").exists()
    error = capsys.readouterr().err
    assert error.startswith("The comparison was not logged to MLflow: ")
    assert error.count("\n") == 1
    assert "secret" not in error


SCRIPT = """
    import sys
    from dataclasses import dataclass
    from pathlib import Path

    import hydra

    assert not {"keras", "mlflow", "pandas", "matplotlib"} & sys.modules.keys()


    @dataclass(frozen=True)
    class Outcome:
        exit_code: int
        message: str | None
        directory: Path | None


    @hydra.main(version_base="1.3", config_path=".", config_name="config")
    def job(config):
        if config.choices.strategy == "grid":
            return Outcome(2, "grid is wrong", None)
        return Outcome(0, None, Path("searches") / config.choices.strategy)


    job()
"""
CONFIG = """
    defaults:
      - _self_
      - strategy: random
      - override hydra/hydra_logging: none
      - override hydra/job_logging: none
    seed: 0
    verbose: 1
    objective: {name: val_loss, direction: min}
    tracking: {uri: null, experiment: digits}
    choices: {dataset: digits, model: "???", strategy: "${hydra:runtime.choices.strategy}"}
    hydra:
      output_subdir: null
      run: {dir: .}
      sweep: {dir: sweep, subdir: .}
      callbacks: {comparison: {_target_: pipeline.sweep.comparison.Comparison}}
"""


@pytest.fixture
def project(tmp_path):
    """A folder with a Hydra program that pretends to search."""
    (tmp_path / "strategy").mkdir()
    for name, scores in {"random": [0.5], "grid": [0.4], "hyperband": [0.3]}.items():
        (tmp_path / f"strategy/{name}.yaml").write_text("max_trials: 1\n")
        write_journal(tmp_path / "searches" / name, search_records(name, scores))
    (tmp_path / "script.py").write_text(dedent(SCRIPT))
    (tmp_path / "config.yaml").write_text(dedent(CONFIG))
    return tmp_path


def run_script(project: Path, *arguments: str):
    return subprocess.run(
        [sys.executable, "script.py", *arguments, "tracking.uri=http://reader:secret@127.0.0.1:9"],
        cwd=project,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.thorough
def test_multirun_through_hydra(project):
    (project / "sweep/jobs").mkdir(parents=True)
    (project / "sweep/jobs/9.json").write_text("left over from an earlier sweep")
    result = run_script(project, "-m", "strategy=random,grid,hyperband")
    assert result.returncode == 0, result.stderr
    assert "best  hyperband" in result.stdout
    assert "grid: grid is wrong" in result.stdout
    assert "The comparison was not logged to MLflow" in result.stderr
    assert "secret" not in result.stdout + result.stderr
    with (project / "sweep/comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["label"], row["model"]) for row in rows] == [
        ("hyperband", ""),
        ("random", ""),
        ("grid", ""),
    ]
    assert [job.number for job in read_jobs(project / "sweep")] == [0, 1, 2]
    assert "secret" not in "".join(path.read_text() for path in (project / "sweep/jobs").iterdir())


def test_single_run_compares_nothing(project):
    result = run_script(project)
    assert (result.returncode, result.stdout) == (0, "")
    assert not (project / "sweep").exists()


def test_comparison_that_fails_is_not_overlooked(project):
    (project / "sweep/comparison.csv").mkdir(parents=True)
    result = run_script(project, "-m", "strategy=random,hyperband")
    assert result.returncode == 1
    assert "error: the searches could not be compared: " in result.stderr
    assert "Traceback" in result.stderr


@pytest.mark.parametrize("name", ["comparison.csv", "comparison.json", "best_score.png"])
def test_files_are_whole_or_as_they_were(name, four_jobs, tmp_path, monkeypatch):
    ranked = ranked_rows(four_jobs)
    write_files(ranked, tmp_path)
    before = (tmp_path / name).read_bytes()

    def die(self, target):
        if target.name == name:
            raise KeyboardInterrupt
        return replace(self, target)

    replace = Path.replace
    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_files(ranked[1:], tmp_path)
    assert (tmp_path / name).read_bytes() == before


def test_a_note_is_whole_or_as_it_was(tmp_path, monkeypatch):
    note_job(make_job(0, "random"), tmp_path)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        note_job(make_job(0, "grid"), tmp_path)
    assert read_jobs(tmp_path) == [make_job(0, "random")]
