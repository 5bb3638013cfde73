"""Spaces that grow with a loop over layers: each model is trained once, whatever interrupts."""

import pytest

from pipeline.journal.history import read

MINE = """
import os
import signal

import keras
import keras_tuner


class Growing(keras_tuner.HyperModel):
    def build(self, hp):
        layers = hp.Int("layers", 1, 3)
        for layer in range(layers):
            self.declare(hp, layer)
        return model()

    def declare(self, hp, layer):
        hp.Choice(f"units_{layer}", [4, 8])

    def fit(self, hp, model, *args, callbacks, **kwargs):
        asked = [name for name in sorted(hp.values) if name.startswith("units")]
        if os.path.exists(f"stop{len(asked)}"):
            os.remove(f"stop{len(asked)}")
            os.kill(os.getpid(), signal.SIGINT)
        return model.fit(*args, callbacks=callbacks, **kwargs)


class Scoped(Growing):
    def declare(self, hp, layer):
        with hp.conditional_scope("layers", list(range(layer + 1, 4))):
            super().declare(hp, layer)


class Late(Growing):
    '''Asks for the widths when the model is built: nothing is known of them before.'''

    def build(self, hp):
        hp.Int("layers", 1, 3)
        return model()

    def fit(self, hp, model, *args, **kwargs):
        for layer in range(hp.get("layers")):
            self.declare(hp, layer)
        return super().fit(hp, model, *args, **kwargs)


def model():
    made = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3, "softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made
"""
LINE = (
    "dataset=wine strategy=grid strategy.max_trials=null training.epochs=1 training.batch_size=256 "
    "tracking.registered_model=null"
)


def trained(folder):
    """Return the values of each trial that completed, in the order they started."""
    return [attempt.hyperparameters for attempt in read(folder).attempts if attempt.end.score]


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["Growing", "Scoped", "Late"])
@pytest.mark.usefixtures("store")
def test_a_space_of_14_models_trains_14(command, tmp_path, kind):
    (tmp_path / "mine.py").write_text(MINE)
    line = f"{LINE} model._target_=mine.{kind}"
    whole = command(f"{line} storage=whole")
    assert whole.code == 0, whole.err
    (folder,) = (tmp_path / "whole").glob("wine-*")
    models = trained(folder)
    assert len(models) == len({tuple(sorted(values.items())) for values in models}) == 2 + 4 + 8
    for values in models:
        assert sorted(values) == ["layers", *(f"units_{i}" for i in range(values["layers"]))]
    if kind != "Late":
        assert read(folder).begin.total_trials == 14
        assert "14 trials  14 epochs at most" in whole.out

    for layers in (1, 2, 3):
        (tmp_path / f"stop{layers}").touch()
        assert command(f"{line} storage=parts").code == 130
    assert command(f"{line} storage=parts").code == 0
    (folder,) = (tmp_path / "parts").glob("wine-*")
    assert trained(folder) == models


@pytest.mark.usefixtures("store")
def test_what_is_not_listed_keeps_its_default(command, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    line = f"{LINE} model._target_=mine.Growing strategy.tune_new_entries=false"
    assert command(f"{line} hyperparameters.layers=[1,2] hyperparameters.units_0=[8,4]").code == 0
    (folder,) = (tmp_path / "outputs/searches").glob("wine-*")
    assert trained(folder) == [
        {"layers": 1, "units_0": 8},
        {"layers": 1, "units_0": 4},
        {"layers": 2, "units_0": 8, "units_1": 4},
        {"layers": 2, "units_0": 4, "units_1": 4},
    ]


@pytest.mark.usefixtures("store")
def test_what_a_training_asks_for_must_be_listed_too(command, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    line = f"{LINE} model._target_=mine.Late strategy.allow_new_entries=false"
    ended = command(f"{line} hyperparameters.layers=[1,2]")
    assert ended.code == 2
    assert (
        "strategy.allow_new_entries=false, but trial 0000 asked for units_0, which hyperparameters "
        "does not list"
    ) in ended.err
    (folder,) = (tmp_path / "outputs/searches").glob("wine-*")
    assert [attempt.end.status for attempt in read(folder).attempts] == ["FAILED"]
