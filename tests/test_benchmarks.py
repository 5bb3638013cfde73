"""The benchmarks run, and all contenders have the same to do; what they measure is not tested."""

import subprocess

import keras
import numpy as np
import pytest

from benchmarks import (
    cases,
    comparison,
    memory,
    pruning_curves,
    report,
    startup,
)
from benchmarks.contenders import (
    arithmetic,
    arithmetic_fused,
    bare_keras,
    features_by_hand,
    features_by_hand_tuned,
    keras_tuner_plain,
    keras_tuner_tuned,
    ours,
)
from benchmarks.first_trial import moments
from benchmarks.frozen_models import PooledHead
from benchmarks.measuring import empty_table, in_turn
from benchmarks.overhead import measure
from benchmarks.process_memory import descendants, resident_megabytes
from benchmarks.untrained import Untrained
from benchmarks.untrained_ours import OURS, run_ours
from benchmarks.untrained_theirs import run_theirs
from benchmarks.work import BATCH_SIZE, Outcome, Work
from pipeline.search.components import make_dataset, make_hypermodel
from pipeline.search.executions import Executions
from pipeline.training.building import Building
from tests.processes import NO_REPORT


@pytest.fixture(scope="module")
def small():
    return Work("small", 1, cases.draw_sets("small", 2))


@pytest.fixture
def frozen(monkeypatch):
    """A search of heads on a tiny frozen network."""
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    hypermodel = PooledHead(keras.Model(inputs, features), num_classes=4)
    images = cases.blobs(image_size=8)
    tiny = cases.Case(hypermodel, images.train, images.validation)
    monkeypatch.setitem(cases.CASES, "tiny", lambda: tiny)
    return Work("tiny", 2, cases.draw_sets("tiny", 2))


def test_each_round_begins_with_another():
    assert [in_turn("abc", number) for number in (0, 1, 2, 3)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


@pytest.mark.thorough
def test_a_contender_is_timed_from_the_start_of_its_process(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, module = "tuned, MLflow asynchronous", "keras_tuner_tuned_mlflow"
    (timing,) = comparison.compare({name: module}, small, 1)[name]
    assert 0 < timing.imports < timing.first_trial < timing.imports + timing.search < timing.whole
    table = comparison.timings_table("", "")
    comparison.add_timings(table, {name: [timing, timing]})
    assert all(cell for column in table.columns for cell in column.cells)


def test_a_contender_that_trains_something_else_is_found_out(small):
    comparison.check("it", Outcome(list(small.sets), 1.0), small)
    with pytest.raises(RuntimeError, match="it trained"):
        comparison.check("it", Outcome(small.sets[::-1], 1.0), small)


@pytest.mark.thorough
def test_keras_tuner_finds_the_same_whole_tuned_and_by_hand(frozen, tmp_path):
    ways = (keras_tuner_plain, keras_tuner_tuned, features_by_hand, features_by_hand_tuned)
    outcomes = [way.search(frozen, tmp_path / way.__name__) for way in ways]
    assert all(outcome.trained == list(frozen.sets) for outcome in outcomes)
    best = [outcome.best for outcome in outcomes]
    assert best == pytest.approx([best[0]] * 4, rel=1e-5)


@pytest.mark.thorough
def test_a_bare_loop_and_the_arithmetic_alone(frozen, tmp_path):
    assert 0 < bare_keras.search(frozen, tmp_path).best < 10
    for alone in (arithmetic, arithmetic_fused):
        outcome = alone.search(frozen, tmp_path)
        assert outcome.seconds > 0
        assert outcome.best is None


def test_ours_has_the_same_examples_and_weights_as_the_peers(small, tmp_path):
    config, theirs = ours.configuration(small, tmp_path), cases.load(small)
    dataset = make_dataset(config.dataset)
    for split, other in ((dataset.train, theirs.train), (dataset.validation, theirs.validation)):
        np.testing.assert_array_equal(split.x, other.x)
        np.testing.assert_array_equal(split.y, other.y)
    assert config.training.batch_size == theirs.fit_arguments(1)["batch_size"] == BATCH_SIZE
    assert config.strategy["sets"] == list(small.sets)

    hypermodel = make_hypermodel(config.model, dataset, config.seed)
    executions = Executions(None, None, 1, config.seed, 1, None)
    building = Building(hypermodel, "float32", lambda: None)
    for number, values in enumerate(small.sets):
        hyperparameters = cases.hyperparameters(values)
        seed = executions.seed_of(f"{number:04}", attempt=0, execution=0)
        weights = building.build(hyperparameters, seed).get_weights()
        others = theirs.hypermodel.build(hyperparameters).get_weights()
        assert len(weights) == len(others)
        for one, other in zip(weights, others, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.thorough
def test_memory_of_what_a_search_starts(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = memory.measure("ours", small)
    assert len(sizes.after) == 2
    assert 0 < sizes.children < sizes.together  # the process that draws the report
    table = empty_table("", "", [""] * 6, "")
    memory.add_row(table, "ours", sizes)
    assert table.row_count == 1


def test_descendants_of_a_process():
    command = ["bash", "-c", "sleep 60 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one:
        sleep = int(one.stdout.readline())
        try:
            assert descendants(one.pid) == [sleep]
            assert resident_megabytes(sleep) > 0
        finally:
            subprocess.run(["kill", str(sleep)], check=True)
    assert resident_megabytes(sleep) == 0


@pytest.mark.parametrize("command", ["ours, --help", "ours, a misspelt key", "ours, a wrong value"])
def test_startup(command):
    assert 0 < startup.seconds(command) < 60


@pytest.mark.thorough
def test_first_trial():
    small = ("-m", "pipeline", "strategy.max_trials=1", "training.epochs=1", NO_REPORT)
    seen = [*moments(small).values()]
    assert len(seen) == 5
    assert 0 < seen[0] < seen[1] <= seen[2] < seen[3] < seen[4]


@pytest.mark.thorough
def test_overhead(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cost = measure("ours, MLflow", 5)
    assert 0 < cost["oracle"] < cost["search"] <= cost["delivered"]
    assert 0 < cost["CPU"] <= cost["thread"]


@pytest.mark.parametrize("strategy", [name for name in OURS if name != "hyperband"])
def test_bookkeeping(strategy, tmp_path):
    ran = run_ours(Untrained(strategy, trials=3), tmp_path)
    assert len(ran.ends) == 3
    assert ran.parts.keys() == {"oracle", "journal", "weights", "callbacks"}


def test_bookkeeping_of_the_peer(tmp_path):
    ran = run_theirs(Untrained("random", trials=3), tmp_path)
    assert len(ran.ends) == 3
    assert not ran.parts


def test_pruners_on_curves(capsys):
    small = [
        "--curves",
        "made",
        "--configurations",
        "12",
        "--repeats",
        "2",
        "--only",
        "none",
        "asha",
    ]
    pruning_curves.main(small)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    none = [row.split() for row in rows if row.startswith("| none")]
    assert [row[3:10:2] for row in none] == [
        ["1", "1.000", "100.0", "0.0000"],
        ["8", "1.000", "100.0", "0.0000"],
    ]
    assert len(rows) == 1 + 2 * 5


def test_report(tmp_path):
    assert all(figure > 0 for figure in report.measure(12, 2, tmp_path))
