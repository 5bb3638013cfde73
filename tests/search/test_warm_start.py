"""A search begins with what it is told to, and with what earlier ones have found."""

import shutil
from pathlib import Path

import pytest

from pipeline.journal.history import FILE_NAME, History, read

pytestmark = pytest.mark.usefixtures("tested_untraced")

MINE = """
import keras


def build(hp):
    inputs = keras.Input((13,))
    hidden = keras.layers.Dense(hp.Int("units", 2, 9), "tanh")(inputs / 100)
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(hidden))
    adam = keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-1, sampling="log"))
    model.compile(adam, "sparse_categorical_crossentropy")
    return model


def stating(hp):
    inputs = keras.Input((13,))
    outputs = keras.layers.Dense(3, hp.Choice("last", ["softmax", "sigmoid"]))(inputs / 100)
    model = keras.Model(inputs, outputs)
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log", default=0.05)
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model
"""
WINE = "dataset=wine model._target_=mine.build training.epochs=1 training.batch_size=64"


@pytest.fixture
def tmp_path(kept):
    return kept.new_folder()


@pytest.fixture
def command(command, tmp_path, store):
    (tmp_path / "mine.py").write_text(MINE)
    return command


@pytest.fixture
def earlier(command, kept, tmp_path) -> Path:
    """The folder of a random search of five trials."""
    if not kept.restore("an earlier search", tmp_path):
        assert command(f"{WINE} strategy.max_trials=5 name=earlier").code == 0
        kept.keep("an earlier search", tmp_path)
    return folder_of("earlier", tmp_path)


def folder_of(name: str, place: Path) -> Path:
    (journal,) = place.glob(f"outputs/searches/{name}-*/{FILE_NAME}")
    return journal.parent


def tried(history: History) -> list[dict]:
    return [attempt.hyperparameters for attempt in history.attempts]


def best(history: History) -> list[dict]:
    return [attempt.hyperparameters for attempt in history.ranked()[:3]]


@pytest.mark.thorough
def test_the_best_come_first_and_the_scores_count(command, earlier, tmp_path):
    past = read(earlier)
    warm = f"{WINE} strategy=bayesian strategy.max_trials=4 name=warm"
    ended = command(f"{warm} warm_start=[{earlier}]")
    assert ended.code == 0, ended.err
    history = read(folder_of("warm", tmp_path))
    assert tried(history)[:3] == best(past)
    assert tried(history)[3] not in tried(past)
    measured = history.begin.measured
    assert sorted(one["score"] for one in measured) == [a.end.score for a in past.ranked()]
    assert {one["search"] for one in measured} == {past.begin.search}
    ranked = ", ".join(attempt.begin.trial for attempt in past.ranked()[:3])
    assert history.begin.taken_over == [
        f"{past.begin.search}: its best trials come first: {ranked}",
        f"{past.begin.search}: 5 of 5 scores count as measured",
    ]
    for sentence in history.begin.taken_over:
        assert sentence in ended.out


def test_a_search_goes_on_with_what_it_had_taken_over(command, earlier, tmp_path):
    warm = f"{WINE} strategy=bayesian warm_start=[{earlier}]"
    assert command(f"{warm} strategy.max_trials=5 name=whole storage=whole").code == 0
    assert command(f"{warm} strategy.max_trials=2 name=warm").code == 0
    shutil.rmtree(earlier)
    ended = command(f"{warm} strategy.max_trials=5 name=warm")
    assert "at trial 0002" in ended.out, ended.err
    (whole,) = tmp_path.glob(f"whole/*/{FILE_NAME}")
    continued = read(folder_of("warm", tmp_path))
    assert tried(continued) == tried(read(whole.parent))
    assert continued.begin.opening == read(whole.parent).begin.opening
    ended = command(f"{warm} strategy.max_trials=5 name=warm")
    assert (ended.code, ended.err.count("\n")) == (2, 1)  # it would be a new one


@pytest.mark.sampled("mlflow")
@pytest.mark.parametrize("alone", ["folder", "mlflow"])
def test_found_by_itself_clipped_and_dropped(command, earlier, tmp_path, alone):
    past = read(earlier)
    storage = "outputs/searches" if alone == "folder" else "other"
    if alone == "mlflow":
        shutil.rmtree(earlier)
    line = f"{WINE} 'hyperparameters.units={{min_value: 2, max_value: 3}}' training.epochs=2"
    ended = command(f"{line} warm_start=auto strategy.max_trials=4 name=narrow storage={storage}")
    assert ended.code == 0, ended.err
    (journal,) = tmp_path.glob(f"{storage}/narrow-*/{FILE_NAME}")
    history = read(journal.parent)
    expected = [{**values, "units": min(values["units"], 3)} for values in best(past)]
    assert tried(history)[: len(history.begin.opening)] == history.begin.opening
    assert history.begin.opening == [v for n, v in enumerate(expected) if v not in expected[:n]]
    assert history.begin.measured == []
    told = "\n".join(history.begin.taken_over)
    for attempt in past.ranked()[:3]:
        units = attempt.hyperparameters["units"]
        clipped = f"trial {attempt.begin.trial}: units={units} is 3 here"
        assert (clipped in told) == (units > 3)
    assert "its scores do not count here, as training.epochs is another" in told


def test_given_trials_and_stated_defaults_come_first(command, tmp_path):
    line = f"{WINE} model._target_=mine.stating strategy.max_trials=3"
    ended = command(f"{line} 'first_trials=[{{last: sigmoid}}]' name=given")
    assert ended.code == 0, ended.err
    first, second, third = tried(read(folder_of("given", tmp_path)))
    assert first == {"last": "sigmoid", "rate": 0.05}
    assert second["rate"] == 0.05 != third["rate"]


@pytest.mark.thorough
def test_given_trials_are_another_search_and_none_the_same(command, tmp_path):
    line = f"{WINE} strategy.max_trials=1 name=same"
    assert command(f"{line} warm_start=[] first_trials=[]").code == 0
    assert command(f"{line} strategy.max_trials=2").code == 0
    history = read(folder_of("same", tmp_path))
    assert len(history.attempts) == 2
    assert history.begin.opening == []
    assert command(f"{line} 'first_trials=[{{units: 3}}]' resume=must").code == 2
