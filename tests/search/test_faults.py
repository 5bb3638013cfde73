"""Searches that are killed at any place and continued end as if nothing had happened.

Each test runs a search without interruption, runs it again and kills it with SIGKILL at a seeded
point, continues it with the same command, and compares trials, journal and MLflow. `--kills N`
sets how many points each strategy is killed at; `scripts/test-faults` kills at all 25.
"""

import math
import random
import shutil
import signal
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.journal.callbacks import Status, TrialBegin, TrialEnd
from pipeline.journal.history import FILE_NAME, follow, read
from tests.search.fault_points import AREAS, Point
from tests.search.fault_process import counts_of, output_of, run
from tests.stories import artifacts

ALL_KILLS = 25
_REAL = 4  # every so many points, Keras really trains; at the others trainings are made up
_TWICE = 5  # every so many points, the process that continues is killed as well
_COMMON = (
    "dataset=wine model._target_=tests.search.fault_training.Tiny "
    "checkpoint.every_seconds=0 keep_best=2 "
    "max_failed_trials=99 seed=4"
)
LINES = {
    "random": (
        "strategy=random strategy.max_trials=6 training.epochs=3 "
        "training.executions_per_trial=2 max_attempts=5 'hyperparameters.luck=[0,1,2,3,5]'"
    ),
    "grid": (
        "strategy=grid training.epochs=4 'hyperparameters.rate=[0.1,0.01]' "
        "'hyperparameters.luck=[1,4,5,3]' hyperparameters.scale=2 hyperparameters.optimizer=sgd "
        "hyperparameters.momentum=0.3"
    ),
    "bayesian": (
        "strategy=bayesian strategy.max_trials=8 +strategy.num_initial_points=3 training.epochs=3"
    ),
    "hyperband": (
        "strategy=hyperband training.epochs=4 strategy.factor=2 max_attempts=5 "
        "'hyperparameters.luck=[0,1,2,3,5]'"
    ),
    "random, asha": (
        "strategy=random strategy.max_trials=8 training.epochs=4 pruner=asha "
        "pruner.reduction_factor=2 pruner.promote=true max_attempts=5 "
        "'hyperparameters.luck=[0,1,2,3,5]'"
    ),
    "bayesian, median": (
        "strategy=bayesian strategy.max_trials=8 +strategy.num_initial_points=3 training.epochs=3 "
        "training.executions_per_trial=2 pruner=median pruner.n_startup_trials=2"
    ),
    "tpe, asha": (
        "strategy=tpe strategy.n_startup_trials=3 strategy.max_trials=8 training.epochs=4 "
        "pruner=asha pruner.reduction_factor=2"
    ),
}
_ONCE = ("random", "hyperband", "random, asha", "tpe, asha")  # those that `pytest` kills once
_SAMPLERS = {
    "random": "strategy=random",
    "bayesian": "strategy=bayesian +strategy.num_initial_points=3",
    "tpe": "strategy=tpe strategy.n_startup_trials=3",
    "cmaes": "strategy=cmaes",
    "qmc": "strategy=qmc",
    "auto": "strategy=auto",
}
_PRUNERS = {
    "median": "pruner=median pruner.n_startup_trials=2",
    "percentile": "pruner=percentile pruner.percentile=40 pruner.n_startup_trials=2",
    "asha": "pruner=asha pruner.reduction_factor=2",
    "asha, promote": "pruner=asha pruner.reduction_factor=2 pruner.promote=true",
    "hyperband": "pruner=hyperband pruner.reduction_factor=2",
    "wilcoxon": "pruner=wilcoxon pruner.p_threshold=0.3 training.executions_per_trial=3",
    "one_epoch": "pruner=one_epoch",
}
PAIRS = {
    f"{sampler} with {pruner}": f"{strategy} strategy.max_trials=8 training.epochs=4 {stops}"
    for sampler, strategy in _SAMPLERS.items()
    for pruner, stops in _PRUNERS.items()
}
"""Every sampler with every pruner, of which CI has two among `LINES`."""
_KILLS_A_PAIR = 12  # of all kills of a line, one of a pair


def pytest_generate_tests(metafunc):
    kills = metafunc.config.getoption("--kills")
    points = [ALL_KILLS * number // kills for number in range(kills)]
    # A sample has other areas, real trainings and double kills for each strategy.
    cases = [
        (strategy, (number + 3 * index) % ALL_KILLS)
        for index, strategy in enumerate(LINES)
        if kills > 1 or strategy in _ONCE
        for number in points
    ]
    cases += [
        (pair, (ALL_KILLS * number // (kills // _KILLS_A_PAIR) + index) % ALL_KILLS)
        for index, pair in enumerate(PAIRS)
        for number in range(kills // _KILLS_A_PAIR)
    ]
    metafunc.parametrize(("strategy", "number"), cases)


def test_a_killed_search_ends_as_if_nothing_had_happened(
    strategy, number, tmp_path, empty_store, uninterrupted, record_property
):
    real = number % _REAL == 2
    whole, counts = uninterrupted(strategy, real)
    folder, line = (
        prepared(tmp_path / "killed", empty_store),
        line_of(strategy),
    )
    chance = random.Random(f"{strategy} {number}")
    how = {"real": real, "counts": counts, "chance": chance}
    points = [killed(line, folder, empty_store, **how, number=number)]
    ended = False
    if number % _TWICE == 1:
        again = killed_again(line, folder, **how)
        ended, points = again is None, [*points, *filter(None, [again])]
    if not ended:
        code = run(line, folder, real=real)
        assert code == 0, output_of(folder).read_text()
    found = Ended(folder)
    lost, doubled, runs_doubled = compared(found, whole)
    record_property("faults", [len(points), lost, doubled, runs_doubled])
    where = f"killed at {', '.join(map(str, points))}"
    assert found.trials == whole.trials, where
    assert found.journal == whole.journal, where
    assert found.mlflow == whole.mlflow, where
    assert (lost, doubled, runs_doubled) == (0, 0, 0), where


@pytest.fixture(scope="session")
def uninterrupted(empty_store, tmp_path_factory):
    """Runs a search to its end; returns how it ended, and how often it passed each area."""

    @cache
    def ended(strategy, real):
        folder = prepared(tmp_path_factory.mktemp(strategy) / "whole", empty_store)
        code = run(line_of(strategy), folder, real=real)
        assert code == 0, output_of(folder).read_text()
        return Ended(folder), counts_of(folder)

    return ended


def line_of(name: str) -> str:
    """Return the command line of a search by its name."""
    return f"{_COMMON} {(LINES | PAIRS)[name]}"


def prepared(folder: Path, empty_store: Path) -> Path:
    folder.mkdir()
    shutil.copyfile(empty_store, folder / "mlflow.db")
    return folder


def killed(line, folder, empty_store, *, real, counts, chance, number):
    """Kill a search at a point of its own; areas take turns, and each is spread over the search."""
    area = AREAS[number % len(AREAS)]
    parts = math.ceil(ALL_KILLS / len(AREAS))
    at = (number // len(AREAS) + chance.random()) / parts
    while True:
        point = Point(area, int(at * counts[area]), chance.choice([0.0, chance.random(), 1.0]))
        code = run(line, folder, real=real, point=point)
        if code == -signal.SIGKILL:
            return point
        # The tracking thread may have done with less: another try, from nothing.
        assert code == 0, output_of(folder).read_text()
        shutil.rmtree(folder)
        prepared(folder, empty_store)
        at *= 0.8


def killed_again(line, folder, *, real, counts, chance):
    """Kill the process that continues; None if it came to the search's end before the point."""
    point = Point("training", int(chance.random() * counts["training"] / 2))
    code = run(line, folder, real=real, point=point)
    assert code in (0, -signal.SIGKILL), output_of(folder).read_text()
    return point if code else None


class Ended:
    """How a search ended, without what differs from run to run: identifiers, times, folders."""

    def __init__(self, folder: Path) -> None:
        (journal,) = folder.glob(f"outputs/searches/*/{FILE_NAME}")
        history = read(journal.parent)
        self.trials = [
            (
                attempt.begin.trial,
                attempt.begin.attempt,
                attempt.hyperparameters,
                attempt.end.status,
                attempt.end.score,
            )
            for attempt in history.attempts
        ]
        self.journal = str((*map(told, history.attempts), search_told(history)))
        records = [record for _, record in follow(journal.parent)]
        self.ends = Counter(
            (record.trial, record.attempt)
            for record in records
            if isinstance(record, TrialEnd) and record.status is not Status.INTERRUPTED
        )
        assert {(r.trial, r.attempt) for r in records if isinstance(r, TrialBegin)} == {*self.ends}
        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        experiment = client.get_experiment_by_name("wine")
        self.runs = client.search_runs([experiment.experiment_id], max_results=1000)
        self.mlflow = sorted(run_told(client, run) for run in self.runs)
        versions = client.search_model_versions()
        for version in versions:
            description = version.description.replace(history.begin.search, "")
            aliases = client.get_registered_model(version.name).aliases
            self.mlflow.append((version.name, version.version, description, str(aliases)))
        models = client.search_logged_models([experiment.experiment_id])
        self.mlflow += [(model.name, str(model.status)) for model in models]


def told(attempt):
    """Return what a journal tells of an attempt."""
    begin, end = attempt.begin, attempt.end
    return (
        (begin.trial, begin.attempt, begin.lineage, begin.initial_epoch, begin.epochs),
        [(epoch.execution, epoch.epoch, epoch.logs) for epoch in attempt.epochs],
        (attempt.hyperparameters, end.status, end.score, end.best_epoch, end.metrics),
        (end.epochs_trained, end.final, end.message),
    )


def search_told(history):
    """Return what a journal tells of the search's end."""
    tested = history.evaluation
    return (
        (history.end.status, history.end.best_trial, history.end.message),
        (tested.trial, tested.epochs, tested.metrics, tested.score_name, tested.artifacts),
    )


def run_told(client, run):
    """Return what MLflow shows of a run."""
    tags = {
        name: value
        for name, value in run.data.tags.items()
        if name not in ("mlflow.parentRunId", "pipeline.search")
    }
    points = {
        name: str(
            [
                (point.step, point.value)
                for point in client.get_metric_history(run.info.run_id, name)
            ]
        )
        for name in sorted(run.data.metrics)
        if name != "duration_seconds"
    }
    return (
        run.info.run_name,
        run.info.status,
        str(sorted(run.data.params.items())),
        str(sorted(tags.items())),
        str(sorted(points.items())),
        str(artifacts(client.tracking_uri, run.info.run_id)),
        str([item.dataset.digest for item in run.inputs.dataset_inputs]),
        len(run.outputs.model_outputs),
    )


def compared(found: Ended, whole: Ended) -> tuple[int, int, int]:
    """Return how many trials are lost and doubled, and how many runs are doubled."""
    lost = len({*whole.ends} - {*found.ends})
    # A pruner may take a trial up again, so that it ends more than once.
    doubled = sum((found.ends - whole.ends).values())
    names = Counter(run.info.run_name for run in found.runs)
    return lost, doubled, sum(times - 1 for times in names.values())
