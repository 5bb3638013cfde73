"""A trial is trained again to the same numbers, or what is not as it was is named."""

import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.journal.callbacks import TrialBegin
from pipeline.journal.history import History, follow, read
from tests.stories import description

pytestmark = pytest.mark.usefixtures("tested_untraced")

MINE = """
import keras


def build(hp):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Dense(hp.Int("units", 4, 8), "relu")(keras.layers.Flatten()(inputs))
    outputs = keras.layers.Dense(10, "softmax")(keras.layers.Dropout(0.2)(hidden))
    model = keras.Model(inputs, outputs)
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def of_a_row(hp):
    inputs = [keras.Input((), name=name) for name in ("a", "b")]
    columns = keras.layers.concatenate([keras.layers.Reshape((1,))(one) for one in inputs])
    model = keras.Model(inputs, keras.layers.Dense(1)(columns))
    model.compile(keras.optimizers.SGD(hp.Float("rate", 1e-3, 1e-1)), "mse")
    return model


class Raises(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise MemoryError("no room for another epoch")
"""
DIGITS = "dataset=digits model._target_=mine.build training.batch_size=256 training.epochs=3"
STRATEGIES = {
    "random": "strategy.max_trials=2 training.executions_per_trial=2",
    "grid": "strategy.max_trials=3 hyperparameters.rate=[0.01,0.1] hyperparameters.units=[4,8]",
    "bayesian": "strategy.max_trials=3 +strategy.num_initial_points=2",
    "hyperband": "strategy.max_epochs=4 strategy.factor=2",
}
REPLAYED = {"random": "0001", "grid": "0002", "bayesian": "0002"}
TABLE = "dataset=csv dataset.path=t.csv dataset.target=y model._target_=mine.of_a_row"
ROWS = "".join(f"{n % 7},{n % 3},{n % 7 + n % 3 / 2}\n" for n in range(60))


class Place:
    """A folder with searches, and the commands that are given in it."""

    def __init__(self, folder: Path, command) -> None:
        self.folder = folder
        self.command = command
        (folder / "mine.py").write_text(MINE)

    def search(self, line: str) -> Path:
        ended = self.command(line)
        assert ended.code == 0, ended.err
        return max(self.folder.glob("outputs/searches/*/journal.jsonl"), key=_age).parent

    def replay(self, *arguments):
        sys.modules.pop("mine", None)  # as in a process of its own
        return self.command.run("pipeline.replay", [str(one) for one in arguments])


def _age(path: Path) -> float:
    return path.stat().st_mtime


@pytest.fixture
def place(command, store, tmp_path):
    return Place(tmp_path, command)


def promoted(history: History) -> str:
    """Return a trial that goes on from one that goes on from another."""
    chosen = [one for one in history.attempts if len(history.lineage(one)) == 3]
    return chosen[0].begin.trial


def searches(store: str, name: str) -> list:
    """Return the runs of searches of a name on the table."""
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("t").experiment_id
    return client.search_runs([experiment], f"attributes.run_name = '{name}'")


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_paused_trials_are_identical_whether_they_went_on_or_not(place):
    pruner = "pruner=asha pruner.promote=true pruner.reduction_factor=2"
    line = DIGITS.replace("epochs=3", "epochs=4")
    folder = place.search(f"{line} strategy=random strategy.max_trials=5 {pruner}")
    begins = Counter(one.trial for _, one in follow(folder) if isinstance(one, TrialBegin))
    attempts = read(folder).attempts
    pruned = next(attempt for attempt in attempts if attempt.pruned)
    promoted = next(one for one in attempts if begins[one.begin.trial] > 1 and not one.pruned)
    for attempt in (pruned, promoted):
        ended = place.replay(folder, attempt.begin.trial)
        assert ended.code == 0, ended.out + ended.err
        assert f"identical: {len(attempt.epochs)} epoch" in ended.out
    assert len(pruned.epochs) < len(promoted.epochs) == 4


@pytest.mark.sampled("hyperband")
@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_a_trial_of_each_strategy_is_identical(place, strategy):
    folder = place.search(f"{DIGITS} strategy={strategy} {STRATEGIES[strategy]}")
    history, before = read(folder), contents(folder)
    trial = REPLAYED.get(strategy) or promoted(history)
    ended = place.replay(folder, trial)
    assert ended.code == 0, ended.out + ended.err
    first, last = ended.out.splitlines()  # nothing is said to be otherwise
    assert first.startswith(f"trial {trial} of {folder.name}: units=")
    lineage = history.lineage(next(a for a in history.attempts if a.begin.trial == trial))
    epochs = sum(len(attempt.epochs) for attempt in lineage)
    assert last == f"identical: {epochs} epochs, every metric to the last digit"
    assert contents(folder) == before


class TestOneSearch:
    """What is done with the trials of a search on a table."""

    @pytest.fixture
    def tmp_path(self, kept):
        return kept.new_folder()

    @pytest.fixture
    def folder(self, place, kept):
        if not kept.restore("a search to replay", place.folder):
            (place.folder / "t.csv").write_text(f"a,b,y\n{ROWS}")
            place.search(f"{TABLE} strategy.max_trials=3 training.epochs=3 seed=4")
            kept.keep("a search to replay", place.folder)
        (journal,) = place.folder.glob("outputs/searches/*/journal.jsonl")
        return journal.parent

    def test_what_is_not_as_it_was_is_named(self, place, folder):
        mine = place.folder / "mine.py"
        mine.write_text(f"{MINE}\n# nothing else\n")
        ended = place.replay(folder)
        assert ended.code == 0, ended.out
        assert ended.out.splitlines()[1:] == [
            "mine is not the module of then",
            "identical: 3 epochs, every metric to the last digit",
        ]
        mine.write_text(MINE.replace('1e-3, 1e-1)), "mse"', '1e-3, 1e-2)), "mae"'))
        ended = place.replay(folder)
        assert ended.code == 1
        assert "mine is not the module of then" in ended.out
        assert "the search space is not the one of then: rate" in ended.out
        best = read(folder).ranked()[0]
        told = re.search(
            r"it differs; first trial (\d+), epoch 0: loss is (\S+), and was (\S+) \(", ended.out
        )
        assert told[1] == best.begin.trial
        assert float(told[3]) == best.epochs[0].logs["loss"]
        assert re.search(r"in the end trial \d+: its score is", ended.out)

        mine.write_text(MINE)
        (place.folder / "t.csv").write_text(f"a,b,y\n{ROWS}9,9,90\n")
        ended = place.replay(folder)
        assert ended.code == 1
        digest = read(folder).begin.dataset_info["digest"]
        assert re.search(f"the dataset is not the one of then: .* was {digest}", ended.out)
        assert "it differs; first trial" in ended.out
        (place.folder / "t.csv").unlink()
        ended = place.replay(folder)
        assert (ended.code, ended.err.count("\n")) == (2, 1)

    def test_other_seeds(self, place, folder):
        ended = place.replay(folder, "2", "--seeds", "3")
        assert ended.code == 0, ended.err
        scores = [float(score) for score in re.findall(r"seed \d of 3: (\S+)", ended.out)]
        assert len(set(scores)) == 3
        attempt = next(a for a in read(folder).attempts if a.begin.trial == "0002")
        assert f"over 3 other seeds; its own score is {attempt.end.score:.4g}" in ended.out
        worse = sum(score > attempt.end.score for score in scores)
        assert f"it is better than {worse} of 3" in ended.out
        assert place.replay(folder, "2", "--seeds", "2").out.splitlines()[1:3] == [
            line.replace("of 3", "of 2") for line in ended.out.splitlines()[1:3]
        ]

    def test_a_fork_begins_as_its_trial_did(self, place, folder, store):
        before = contents(folder)
        attempt = next(a for a in read(folder).attempts if a.begin.trial == "0001")
        ended = place.replay(folder, "1", "training.epochs=5", "~callbacks.early_stopping")
        assert ended.code == 0, ended.err
        assert contents(folder) == before
        (forked,) = place.folder.glob("outputs/searches/*-fork-*")
        history = read(forked)
        (trial,) = history.attempts
        assert history.begin.fork_of["search"] == folder.name
        assert history.begin.fork_of["trial"] == "0001"
        assert trial.hyperparameters == attempt.hyperparameters
        logs = [epoch.logs for epoch in trial.epochs]
        assert len(logs) == 5
        assert logs[:3] == [epoch.logs for epoch in attempt.epochs]
        (run,) = searches(store, history.begin.name)
        assert run.data.tags["pipeline.fork_of"] == folder.name
        assert run.data.tags["pipeline.fork_of_trial"] == "0001"
        page = history.begin.fork_of["page"]
        assert f"a fork of [trial 0001 of {folder.name}]({page})" in description(run)
        assert place.replay(forked).out.endswith(
            "identical: 5 epochs, every metric to the last digit\n"
        )

    def test_a_fork_of_a_run_has_another_value(self, place, folder, store):
        (search,) = searches(store, read(folder).begin.name)
        ended = place.replay(search.info.run_id, "--uri", store, "hyperparameters.rate=0.5")
        assert ended.code == 0, ended.err
        (forked,) = place.folder.glob("outputs/searches/*-fork-*")
        assert [a.hyperparameters for a in read(forked).attempts] == [{"rate": 0.5}]

    @pytest.mark.parametrize(
        ("arguments", "received", "allowed"),
        [
            (["7"], "trial 7 of", "allowed: a trial that has ended, 0000, 0001, 0002"),
            (["0", "1"], "received the trials 0, 1", "allowed: one"),
            (["--seeds", "2", "seed=1"], "received seed=1", "--seeds trains the trial as it is"),
            (["strategy=grid"], "received strategy=grid", "strategy.KEY=VALUE"),
            (["training.epoch=3"], "'epoch' of training is not known", "did you mean 'epochs'?"),
            (["hyperparameters.rate=[0.1,0.2]"], "received [0.1, 0.2]", "must be one value"),
            (["hyperparameters.unit=3"], "hyperparameters.unit is unknown", "known are"),
            (["seed=1,2"], "seed=1,2 names several values", "allowed: one"),
        ],
    )
    def test_what_cannot_be(self, place, folder, arguments, received, allowed):
        ended = place.replay(folder, *arguments)
        assert ended.code == 2
        assert ended.err.startswith("error: ")
        assert ended.err.count("\n") == 1
        assert received in ended.err
        assert allowed in ended.err
        assert len(list(place.folder.glob("outputs/searches/*/journal.jsonl"))) == 1


@pytest.mark.thorough
def test_a_trial_fails_again(place):
    line = f"{DIGITS} strategy.max_trials=2 strategy=random +callbacks.raises._target_=mine.Raises"
    assert place.command(line).code == 1
    (folder,) = place.folder.glob("outputs/searches/*-*")
    ended = place.replay(folder)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert f"no trial of {folder.name} has completed" in ended.err
    ended = place.replay(folder, "1")
    assert ended.code == 0, ended.out
    assert ended.out.endswith("identical: 1 epoch, every metric to the last digit\n")
