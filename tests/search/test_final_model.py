"""The final model: trained as by plain Keras, with the learning rates of the best trial."""

import shutil

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.configuration.composition import compose_config
from pipeline.datasets import Dataset, wine
from pipeline.datasets.batches import Examples
from pipeline.journal.callbacks import TrialBegin
from pipeline.journal.history import fold, read
from pipeline.search import SearchError, components, run_search
from pipeline.search.trained_rates import trained_rates
from pipeline.training import throughput
from pipeline.training.final_callbacks import FinalCallbackError, TrainedRates
from pipeline.training.notices import Notices
from pipeline.training.trainer import Execution, Trainer
from tests.processes import NO_REPORT
from tests.records import epoch_end, search_begin, trial_begin, trial_end

VAL_LOSS = keras_tuner.Objective("val_loss", "min")
NOTHING = keras_tuner.HyperParameters()
PLATEAU = [1.0, 2.0, 0.5, 3.0, 4.0, 5.0, 6.0]  # the best epoch is neither the first nor the last
EPOCHS = len(PLATEAU)
SMALL = ["dataset=digits", f"model._target_={__name__}.build", "training.epochs=2"]
SMALL += ["strategy.max_trials=2", "training.batch_size=256", "verbose=0", NO_REPORT]
SMALL += ["final.retrain=true", f"+callbacks.needy._target_={__name__}.NeedsValidation"]


class Small(keras_tuner.HyperModel):
    """A softmax regression on the wines, with dropout."""

    def __init__(self, optimizer=lambda: keras.optimizers.SGD(1e-2, momentum=0.9)):
        super().__init__()
        self.optimizer = optimizer

    def build(self, hp):
        layers = [keras.Input((13,)), keras.layers.Rescaling(1e-2), keras.layers.Dropout(0.1)]
        model = keras.Sequential([*layers, keras.layers.Dense(3, activation="softmax")])
        model.compile(self.optimizer(), "sparse_categorical_crossentropy")
        return model


def build(hp):
    """A model whose loss is a sum over the batch, so that the batch size tells."""
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    )
    model.compile(
        keras.optimizers.SGD(hp.Float("rate", 1e-6, 1e-5)),
        keras.losses.SparseCategoricalCrossentropy(reduction="sum"),
    )
    return model


class Rates(keras.callbacks.Callback):
    """Notes the learning rate that each epoch is trained with."""

    def __init__(self):
        super().__init__()
        self.used, self.batches = {}, []

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        optimizer = self.model.optimizer
        rates = [float(one.learning_rate) for one in getattr(optimizer, "optimizers", [optimizer])]
        self.used.setdefault(self._epoch, rates)
        self.batches.append(batch)


class Validation(keras.callbacks.Callback):
    """Tells the callbacks behind it of a validation that went as it was written."""

    def on_epoch_end(self, epoch, logs=None):
        if "val_loss" in logs:
            logs["val_loss"] = PLATEAU[epoch]


class NeedsValidation(keras.callbacks.Callback):
    """A user's own, which never thought of a training without a validation."""

    mended = False

    def on_epoch_end(self, epoch, logs=None):
        if not self.mended:
            self.best = logs["val_loss"]


class OwnPlateau(keras.callbacks.ReduceLROnPlateau):
    """A user's own, of which nobody knows what it does."""


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return wine(validation_size=0.2, test_size=0.2, seed=0)


def plateau(kind=keras.callbacks.ReduceLROnPlateau):
    return kind(patience=1, factor=0.5)


def scheduler(schedule):
    return keras.callbacks.LearningRateScheduler(schedule)


def make_trainer(dataset, callbacks, hypermodel=None, **arguments):
    arguments = {"batch_size": 32} | arguments
    return Trainer(hypermodel or Small(), dataset, VAL_LOSS, callbacks=callbacks, **arguments)


def train(trainer, *, epochs=EPOCHS, start=0, weights=None, seed=1):
    execution = Execution(NOTHING, seed, start, epochs, weights)
    return trainer.train(execution, lambda epoch, logs: None)


def told(result):
    """Return what the journal tells of a trial that gave this result."""
    epochs = [epoch_end(epoch=epoch, **logs) for epoch, logs in result.logs.items()]
    history = fold([search_begin(), trial_begin(), *epochs, trial_end(score=result.score)])
    return history, history.attempts[0]


def both(model):
    """Return the weights and the optimizer's state."""
    return [*model.get_weights(), *(np.array(v) for v in model.optimizer.variables)]


def test_the_same_as_plain_keras_with_the_same_scheduler(dataset):
    def halved(epoch, rate):
        return 1e-2 if epoch < 2 else rate / 2

    def callbacks():
        return [keras.callbacks.EarlyStopping(), scheduler(halved)]

    model = make_trainer(dataset, callbacks).retrain(NOTHING, epochs=5, seed=7)
    keras.utils.set_random_seed(7)
    plain, examples = Small().build(NOTHING), Examples.of(dataset.training_data())
    plain.fit(
        examples.shuffled(32, seed=7, initial_epoch=0, epochs=5),
        steps_per_epoch=examples.steps(32),
        epochs=5,
        shuffle=False,
        callbacks=[scheduler(halved)],
        verbose=0,
    )
    for mine, theirs in zip(both(model), both(plain), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-2 / 8)


def two_optimizers():
    slow, fast = keras.optimizers.SGD(1e-3), keras.optimizers.Adam(1e-2)
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(slow, {".*bias": fast}))


@pytest.mark.sampled("before a schedule")
@pytest.mark.parametrize(
    ("hypermodel", "watching"),
    [
        (Small(), lambda: [plateau()]),
        (Small(), lambda: [scheduler(lambda epoch: 1e-2 / (1 + epoch)), plateau()]),
        (Small(), lambda: [plateau(), scheduler(lambda epoch: 1e-2 / (1 + epoch))]),
        (Small(), lambda: [plateau(), scheduler(lambda epoch, rate: 0.9 * rate)]),
        (Small(two_optimizers), lambda: [plateau()]),
    ],
    ids=["plateau", "after a schedule", "before a schedule", "rates that follow", "two optimizers"],
)
def test_has_the_learning_rates_of_the_best_trial(dataset, hypermodel, watching):
    seen = []

    def callbacks():
        seen.append(Rates())
        return [Validation(), *watching(), seen[-1]]

    trainer = make_trainer(dataset, callbacks, hypermodel)
    rates = trained_rates(*told(train(trainer)), execution=0)
    trainer.retrain(NOTHING, epochs=EPOCHS, seed=2, rates=rates)
    trial, final = seen
    assert final.used == trial.used
    assert len(trial.used) == EPOCHS
    assert trial.used[3] < trial.used[0]


def test_of_two_that_reduce_it_none_is_forgotten(dataset):
    """Keras logs the rate between the two, so that one reduction comes an epoch early."""
    seen = []

    def callbacks():
        seen.append(Rates())
        return [Validation(), plateau(), plateau(OwnPlateau), seen[-1]]

    notices = []
    trainer = make_trainer(dataset, callbacks, notices=Notices(notices.append))
    rates = trained_rates(*told(train(trainer)), execution=0)
    trainer.retrain(NOTHING, epochs=EPOCHS, seed=2, rates=rates)
    trial, final = seen
    assert all(final.used[epoch] <= used for epoch, used in trial.used.items())
    assert notices == [
        "OwnPlateau is left out of the final training: it monitors val_loss, and nothing is "
        "validated there"
    ]


def test_rates_of_a_lineage():
    """Of the execution that was best, and after a promotion those of the epoch it goes on from."""

    def epochs(trial, first, losses, rates):
        pairs = zip(losses, rates, strict=True)
        return [
            epoch_end(trial, epoch, execution=execution, val_loss=loss, learning_rate=rate)
            for execution in (0, 1)
            for epoch, (loss, rate) in enumerate(pairs if execution else [(9.0, 9.0)], first)
        ]

    promoted = TrialBegin("0001", 0, {}, {"bracket": 1, "round": 1, "parent": "0000"}, 3, 5, 2.0)
    parent = [trial_begin(), *epochs("0000", 0, [3.0, 1.0, 2.0], [0.4, 0.2, 0.1]), trial_end()]
    child = [promoted, *epochs("0001", 3, [0.9, 0.8], [0.2, 0.1]), trial_end("0001")]
    history = fold([search_begin(), *parent, *child])
    attempt = history.attempts[1]
    rates = trained_rates(history, attempt, attempt.best_execution("val_loss", "min"))

    def numbers(of):
        return {epoch: one.get("learning_rate") for epoch, one in of.items()}

    assert numbers(rates.of_epoch) == {0: 0.4, 1: 0.2, 2: 0.1, 3: 0.2, 4: 0.1}
    assert numbers(rates.before_epoch) == {0: None, 1: 0.4, 2: 0.2, 3: 0.2, 4: 0.2}


def test_what_monitors_the_training_may_end_it(dataset):
    stopping = keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=1e9)
    model = make_trainer(dataset, lambda: [stopping]).retrain(NOTHING, epochs=9, seed=1)
    assert model.history.epoch == [0, 1]


def test_every_batch_is_told_to_what_watches_batches(dataset, monkeypatch):
    monkeypatch.setattr(throughput, "_FEW_STEPS", 1)
    rates = Rates()
    make_trainer(dataset, lambda: [rates]).retrain(NOTHING, epochs=2, seed=1)
    assert rates.batches == 2 * list(range(Examples.of(dataset.training_data()).steps(32)))


def test_a_fit_of_its_own_gets_the_same_callbacks(dataset):
    given = []

    class Own(Small):
        def fit(self, hp, model, x, y, callbacks, validation_data, **kwargs):
            given.append((callbacks, len(validation_data[0])))
            return model.fit(x, y, callbacks=callbacks, validation_data=validation_data, **kwargs)

    nan, rates = keras.callbacks.TerminateOnNaN(), Rates()
    trainer = make_trainer(dataset, lambda: [nan, plateau(), rates], Own())
    replayed = TrainedRates({0: {"learning_rate": 0.5}, 1: {"learning_rate": 0.25}})
    trainer.retrain(NOTHING, epochs=3, seed=1, rates=replayed)
    ((callbacks, rows),) = given
    assert callbacks[:2] == [nan, rates]
    assert not any(hasattr(callback, "monitor") for callback in callbacks)
    assert rates.used == {0: [0.5], 1: [0.25], 2: [0.25]}
    assert rows == len(dataset.validation)


def failing_schedule(epoch):
    return [1e-2, 1e-3][epoch]


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        (NeedsValidation, "its callback NeedsValidation raised KeyError: 'val_loss'"),
        (
            lambda: scheduler(failing_schedule),
            "its callback LearningRateScheduler raised IndexError: list index out of range",
        ),
    ],
    ids=["own", "Keras's"],
)
def test_a_failure_names_its_callback(dataset, callback, said):
    trainer = make_trainer(dataset, lambda: [keras.callbacks.TerminateOnNaN(), callback()])
    with pytest.raises(FinalCallbackError) as raised:
        trainer.retrain(NOTHING, epochs=3, seed=1)
    assert str(raised.value) == said
    assert keras.config.is_traceback_filtering_enabled()


def test_what_no_callback_raised_is_not_laid_on_one(dataset):
    class Own(Small):
        def fit(self, *args, **kwargs):
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        make_trainer(dataset, lambda: [plateau()], Own()).retrain(NOTHING, epochs=1, seed=1)


@pytest.fixture(scope="module")
def mended(empty_store, tmp_path_factory):
    """A search whose final training failed, what its journal told then, and how it ended."""
    folder = tmp_path_factory.mktemp("mended")
    shutil.copyfile(empty_store, folder / "mlflow.db")
    places = [f"tracking.uri=sqlite:///{folder}/mlflow.db", f"storage={folder}/searches"]
    config = compose_config([*SMALL, *places, "hyperparameters.batch_size=[16]"])
    with pytest.raises(SearchError) as raised:
        run_search(config)
    failed = read(raised.value.directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NeedsValidation, "mended", True)
        return raised.value, failed, run_search(config)


def test_a_final_training_that_fails_loses_no_trial(mended):
    error, failed, result = mended
    assert str(error) == (
        f"the final training of trial {failed.ranked()[0].begin.trial}, in which nothing is "
        "validated, failed: its callback NeedsValidation raised KeyError: 'val_loss'; once that is "
        "mended, the same command continues this search; final.retrain=false, a search of its own, "
        "takes the best trial's weights instead"
    )
    assert result.directory == error.directory
    assert result.history.attempts == failed.attempts
    assert result.history.evaluation.retrained


def test_the_test_has_the_batches_of_the_trial(mended):
    _, _, result = mended
    test = components.make_dataset(compose_config(SMALL).dataset).test
    model = keras.saving.load_model(result.model)
    plain = {size: model.evaluate(test.x, test.y, size, verbose=0) for size in (16, 256)}
    assert result.history.evaluation.metrics["loss"] == pytest.approx(plain[16], rel=1e-5)
    assert plain[16] < plain[256] / 4


class TestPromotion:
    """A promoted trial goes on from one state of its parent: its best epoch's."""

    @pytest.mark.parametrize("reused", [False, True], ids=["new model", "traced model"])
    def test_with_the_learning_rate_of_the_epoch_whose_weights_it_has(self, dataset, reused):
        seen = []

        def callbacks():
            seen.append(Rates())
            return [Validation(), plateau(), seen[-1]]

        trainer = make_trainer(dataset, callbacks)
        parent = train(trainer, epochs=5)
        assert parent.best_epoch == 2
        train(trainer, epochs=5, seed=3)
        if not reused:
            trainer = make_trainer(dataset, callbacks)
        train(trainer, start=5, weights=parent.weights)
        assert (seen[-1].model is seen[0].model) == reused
        rates = [rate for used in (seen[0].used, seen[-1].used) for (rate,) in used.values()]
        assert rates == pytest.approx([0.01, 0.01, 0.005, 0.005, 0.0025, 0.005, 0.005])

    def test_with_a_schedule_of_epochs(self, dataset):
        seen = []

        def callbacks():
            seen.append(Rates())
            return [Validation(), scheduler(lambda epoch: 1e-2 / (1 + epoch)), seen[-1]]

        trainer = make_trainer(dataset, callbacks)
        parent = train(trainer, epochs=5)
        train(trainer, start=5, weights=parent.weights)
        assert seen[-1].used[5] == pytest.approx([1e-2 / 6])

    def test_with_a_schedule_of_steps(self, dataset):
        """It is a function of the steps behind the weights, of which there are three epochs."""
        schedule = keras.optimizers.schedules.PolynomialDecay(1e-2, 100, 0.0)
        hypermodel = Small(lambda: keras.optimizers.SGD(schedule))
        seen = []

        def callbacks():
            seen.append(Rates())
            return [Validation(), seen[-1]]

        trainer = make_trainer(dataset, callbacks, hypermodel)
        parent = train(trainer, epochs=5)
        train(trainer, start=5, weights=parent.weights)
        steps = 3 * Examples.of(dataset.train).steps(32)
        assert seen[-1].used[5] == pytest.approx([1e-2 * (1 - steps / 100)], rel=1e-5)
