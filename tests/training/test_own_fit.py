"""A hypermodel's own `fit`: what its epochs report, and that its score is that of the weights kept.

What is right is what the same `fit` does under plain Keras.
"""

from dataclasses import replace

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf

from pipeline.datasets import Dataset, Split
from pipeline.preprocessing import Standardization
from pipeline.training.best_epoch import DivergedError, ObjectiveNotFoundError
from pipeline.training.notices import Notices
from pipeline.training.results import TrainingResult
from pipeline.training.trainer import Execution, Trainer

ROWS, SEED, EPOCHS = 24, 7, 3
SLOWLY, TOO_FAST = 0.05, 0.9  # learning rates: the loss falls, and rises


def examples(seed: int) -> Split:
    x = np.random.default_rng(seed).normal(size=(ROWS, 4)).astype("float32")
    return Split(x, x.sum(axis=1))


DATASET = Dataset(
    name="sums",
    task="regression",
    train=examples(0),
    validation=examples(1),
    test=examples(2),
    classes=(),
    source="made",
    preprocessing=Standardization.fit(np.zeros((2, 1))),
)
ARGUMENTS = {
    "batch_size": ROWS,  # one step an epoch, so that no order matters
    "validation_data": (DATASET.validation.x, DATASET.validation.y),
    "verbose": 0,
}


def build(compiled=True, **arguments):
    layers = [keras.layers.Dense(3, name="base"), keras.layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    if compiled:
        compile_again(model, **arguments)
    return model


def compile_again(model, optimizer="sgd", loss="mse"):
    model.compile(optimizer, loss, metrics=["mae"], run_eagerly=True)  # spares the trace
    model.optimizer.learning_rate = SLOWLY


class Own(keras_tuner.HyperModel):
    def __init__(self, fit, **build_arguments):
        super().__init__()
        self.own_fit, self.build_arguments = fit, build_arguments
        self.calls = 0

    def build(self, hp):
        return build(**self.build_arguments)

    def fit(self, hp, model, *args, **kwargs):
        self.calls += 1
        return self.own_fit(model, *args, **kwargs)


class Ordinary(keras_tuner.HyperModel):
    def build(self, hp):
        return build()


class OfEveryEpoch(keras.callbacks.Callback):
    """Keeps a model's weights and logs at the end of every epoch."""

    def __init__(self):
        super().__init__()
        self.weights, self.logs = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())
        self.logs.append(dict(logs))


class Plainly:
    """What a `fit` does under plain Keras."""

    def __init__(self, fit, weights=None, **arguments):
        keras.utils.set_random_seed(SEED)
        self.model = build()
        if weights is not None:
            weights.apply(self.model)
        self.epochs = OfEveryEpoch()
        arguments = {"epochs": EPOCHS, "callbacks": [self.epochs], **ARGUMENTS, **arguments}
        given = {name: value for name, value in arguments.items() if value is not None}
        self.returned = fit(self.model, DATASET.train.x, DATASET.train.y, **given)

    @property
    def scores(self):
        return [logs["val_loss"] for logs in self.epochs.logs]


def make_trainer(fit, told=None, **build_arguments):
    return Trainer(
        hypermodel=Own(fit, **build_arguments),
        dataset=DATASET,
        objective=keras_tuner.Objective("val_loss", "min"),
        batch_size=ROWS,
        notices=Notices(lambda sentence: None if told is None else told.append(sentence)),
    )


def run(trainer, *, initial_epoch=0, epochs=EPOCHS, weights=None, **values):
    seen = []
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values |= values
    execution = Execution(hyperparameters, SEED, initial_epoch, epochs, weights)
    result = trainer.train(execution, lambda epoch, logs: seen.append((epoch, logs)))
    check_belongs(trainer, result)
    return result, seen


def check_belongs(trainer, result):
    """Check that the score kept is that of the weights kept."""
    model = trainer.restore(keras_tuner.HyperParameters(), result.weights, seed=1)
    if model.compiled and model.loss == "mse":
        validation = DATASET.validation
        loss = model.evaluate(validation.x, validation.y, verbose=0, return_dict=True)["loss"]
        assert loss == pytest.approx(result.score, rel=1e-5)


def assert_weights(result, expected):
    for mine, theirs in zip(result.weights.model, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)


def phases(second_rate, **second):
    def fit(model, *args, **kwargs):
        model.fit(*args, **kwargs)
        model.optimizer.learning_rate = second_rate
        return model.fit(*args, **{**kwargs, **second})

    return fit


def without_callbacks(model, *args, callbacks, **kwargs):
    model.optimizer.learning_rate = TOO_FAST
    return model.fit(*args, **kwargs)


class TestEpochsOfSeveralPhases:
    @pytest.mark.sampled("0.9-2")
    @pytest.mark.parametrize(("rate", "best"), [(SLOWLY, 5), (TOO_FAST, 2)])
    def test_are_counted_on(self, rate, best):
        fit = phases(rate)
        plain = Plainly(fit)
        assert np.argmin(plain.scores) == best
        result, seen = run(make_trainer(fit))
        assert [epoch for epoch, _ in seen] == [0, 1, 2, 3, 4, 5]
        assert [logs["val_loss"] for _, logs in seen] == pytest.approx(plain.scores)
        assert (result.best_epoch, result.score) == (best, pytest.approx(min(plain.scores)))
        assert_weights(result, plain.epochs.weights[best])

    def test_go_on_from_a_parents(self):
        result, seen = run(make_trainer(phases(SLOWLY)), initial_epoch=2, epochs=4)
        assert [epoch for epoch, _ in seen] == [2, 3, 4, 5]
        assert result.best_epoch == 5

    def test_go_on_from_a_parents_that_fit_ignores(self):
        def fit(model, *args, initial_epoch, **kwargs):
            return model.fit(*args, **kwargs)

        _, seen = run(make_trainer(fit), initial_epoch=2, epochs=3)
        assert [epoch for epoch, _ in seen] == [2, 3, 4]

    def test_that_are_numbered_already_stay(self):
        def fit(model, *args, epochs, **kwargs):
            model.fit(*args, epochs=epochs, **kwargs)
            return model.fit(*args, epochs=epochs + 2, initial_epoch=epochs, **kwargs)

        _, seen = run(make_trainer(fit))
        assert [epoch for epoch, _ in seen] == [0, 1, 2, 3, 4]

    def test_may_report_the_objective_later(self):
        def fit(model, *args, validation_data, **kwargs):
            model.fit(*args, **kwargs)
            return model.fit(*args, validation_data=validation_data, **kwargs)

        result, _ = run(make_trainer(fit))
        assert result.best_epoch == 5


class TestWithoutCallbacks:
    """Nobody sees the epochs, so that the model has the weights that there are."""

    def test_the_last_epoch_counts(self):
        told = []
        plain = Plainly(lambda *args, callbacks, **kw: without_callbacks(*args, callbacks=[], **kw))
        scores = plain.returned.history["val_loss"]
        assert np.argmin(scores) == 0
        trainer = make_trainer(without_callbacks, told)
        result, seen = run(trainer)
        assert [logs["val_loss"] for _, logs in seen] == pytest.approx(scores)
        assert (result.best_epoch, result.score) == (2, pytest.approx(scores[2]))
        assert result.metrics == seen[2][1]
        assert_weights(result, plain.model.get_weights())
        run(trainer)
        assert len(told) == 1
        assert "does not pass its callbacks on" in told[0]

    def test_an_epoch_whose_weights_fit_restores_counts(self):
        def fit(model, *args, callbacks, **kwargs):
            model.optimizer.learning_rate = TOO_FAST
            mine = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
            return model.fit(*args, callbacks=[mine], **kwargs)

        result, seen = run(make_trainer(fit))
        assert len(seen) == EPOCHS
        assert result.best_epoch == 0
        assert result.metrics == seen[0][1]

    @pytest.mark.thorough
    def test_only_the_second_phase(self):
        def fit(model, *args, callbacks, **kwargs):
            model.fit(*args, callbacks=callbacks, **kwargs)
            model.optimizer.learning_rate = TOO_FAST
            return model.fit(*args, callbacks=keep, **kwargs)

        keep = [OfEveryEpoch()]
        plain = Plainly(fit)
        last = keep[0].logs[-1]["val_loss"]
        keep.clear()
        result, seen = run(make_trainer(fit))
        assert [epoch for epoch, _ in seen] == [0, 1, 2, 3, 4, 5]
        assert (result.best_epoch, result.score) == (5, pytest.approx(last))
        assert_weights(result, plain.model.get_weights())

    @pytest.mark.thorough
    def test_the_history_of_the_phase_with_callbacks(self):
        def fit(model, *args, callbacks, **kwargs):
            history = model.fit(*args, callbacks=callbacks, **kwargs)
            model.optimizer.learning_rate = TOO_FAST
            model.fit(*args, **kwargs)
            return history

        plain = Plainly(fit)
        result, seen = run(make_trainer(fit))
        assert len(seen) == EPOCHS
        assert (result.best_epoch, result.score) == (2, pytest.approx(min(plain.scores)))
        assert_weights(result, plain.epochs.weights[2])

    def test_are_the_last_ones_where_only_fit_can_prepare_the_targets(self):
        """Its model takes them in columns; nobody else can validate it."""

        def second_column(true, predicted):
            return keras.ops.mean(keras.ops.square(true[:, 1] - predicted[:, 0]))

        def fit(model, x, y, validation_data, callbacks, **kwargs):
            x_val, y_val = validation_data
            model.optimizer.learning_rate = TOO_FAST
            validation_data = (x_val, np.stack([y_val, y_val], axis=1))
            return model.fit(x, np.stack([y, y], axis=1), validation_data=validation_data, **kwargs)

        result, seen = run(make_trainer(fit, loss=second_column))
        assert len(seen) == EPOCHS
        assert result.best_epoch == EPOCHS - 1

    def test_values_of_some_epochs_belong_to_none(self):
        def fit(model, *args, callbacks, **kwargs):
            return model.fit(*args, validation_freq=2, **kwargs)

        with pytest.raises(ObjectiveNotFoundError, match=r"at some of its epochs .* pass them on"):
            run(make_trainer(fit))

    def test_a_loss_that_ends_as_no_number(self):
        def fit(model, *args, callbacks, epochs, **kwargs):
            model.fit(*args, epochs=1, **kwargs)
            model.optimizer.learning_rate = np.nan
            return model.fit(*args, epochs=2, **kwargs)

        with pytest.raises(DivergedError, match="val_loss is not a finite number: nan"):
            run(make_trainer(fit))


class TestNumbers:
    """The score is what `fit` returns; the weights are those that have it."""

    def test_of_the_best_epoch(self):
        def fit(model, *args, **kwargs):
            model.optimizer.learning_rate = TOO_FAST
            return min(model.fit(*args, **kwargs).history["val_loss"])

        plain = Plainly(fit)
        result, _ = run(make_trainer(fit))
        assert (result.best_epoch, result.score) == (0, pytest.approx(plain.returned))
        assert_weights(result, plain.epochs.weights[0])

    @pytest.mark.parametrize(("passed_on", "named"), [(True, True), (False, False)])
    def test_of_the_model_as_it_is(self, passed_on, named):
        def fit(model, *args, callbacks, **kwargs):
            model.optimizer.learning_rate = TOO_FAST
            model.fit(*args, callbacks=callbacks if passed_on else None, **kwargs)
            loss = model.evaluate(*kwargs["validation_data"], verbose=0)[0]
            return {"val_loss": loss, "own": 5} if named else loss

        plain = Plainly(fit)
        result, _ = run(make_trainer(fit))
        assert result.best_epoch == (EPOCHS - 1 if passed_on else None)
        assert result.metrics.get("own") == (5 if named else None)
        assert_weights(result, plain.model.get_weights())

    @pytest.mark.thorough
    def test_of_a_phase_that_nobody_saw(self):
        def fit(model, *args, callbacks, **kwargs):
            model.fit(*args, callbacks=callbacks, **kwargs)
            return model.fit(*args, **kwargs).history["val_loss"][-1]

        plain = Plainly(fit)
        result, _ = run(make_trainer(fit))
        assert result.score == pytest.approx(plain.returned)
        assert_weights(result, plain.model.get_weights())


def two_of_its_own(model, *args, **kwargs):
    model.fit(*args, **kwargs)
    return model.fit(*args, epochs=2, **kwargs)


class TestArgumentsOfItsOwn:
    """Python refuses ours in the second call, when the model has been trained already."""

    @pytest.mark.thorough
    def test_train_what_a_fit_without_them_trains(self):
        plain = Plainly(two_of_its_own, epochs=None)
        trainer = make_trainer(two_of_its_own)
        result, seen = run(trainer)
        assert trainer.hypermodel.calls == 2
        assert [epoch for epoch, _ in seen] == [0, 1, 2]  # each told once
        assert [logs["val_loss"] for _, logs in seen] == pytest.approx(plain.scores)
        assert result.score == pytest.approx(min(plain.scores))
        assert_weights(result, plain.epochs.weights[result.best_epoch])

    @pytest.mark.sampled("by name")
    @pytest.mark.parametrize("place", ["by name", "by place"])
    def test_are_remembered(self, place):
        def fit(model, x, y, **kwargs):
            model.fit(x, y, **kwargs)
            if place == "by name":
                return model.fit(x, y, batch_size=5, **kwargs)
            return model.fit(x, y, 5, **kwargs)

        trainer = make_trainer(fit)
        first, _ = run(trainer)
        assert trainer.hypermodel.calls == 2
        again, seen = run(trainer)
        assert trainer.hypermodel.calls == 3
        assert (again.score, len(seen)) == (first.score, 2 * EPOCHS)

    def test_of_some_trials_are_not_those_of_others(self):
        own = []

        def fit(model, *args, **kwargs):
            return model.fit(*args, **({"epochs": 2} if own else {}), **kwargs)

        trainer = make_trainer(fit)
        own.append(True)
        assert len(run(trainer)[1]) == 2
        own.clear()
        assert len(run(trainer)[1]) == EPOCHS

    def test_that_others_read_are_given_to_them(self):
        own = []

        def fit(model, *args, **kwargs):
            if own:
                return model.fit(*args, epochs=2, **kwargs)
            return model.fit(*args, **(kwargs | {"epochs": 2 * kwargs["epochs"]}))

        trainer = make_trainer(fit)
        own.append(True)
        run(trainer)
        own.clear()
        assert len(run(trainer)[1]) == 2 * EPOCHS

    def test_errors_of_a_fit_are_its_last(self):
        def fit(model, *args, **kwargs):
            model.fit(*args, epochs=1, **kwargs)
            if broken:
                raise ValueError("broken")
            return 1.0

        broken = []
        trainer = make_trainer(fit)
        trainer.train(Execution(keras_tuner.HyperParameters(), SEED, 0, 1), lambda *_: None)
        broken.append(True)
        calls = trainer.hypermodel.calls
        with pytest.raises(ValueError, match="broken"):
            run(trainer)
        assert trainer.hypermodel.calls == calls + 1

    @pytest.mark.thorough
    def test_start_from_a_parents_weights_again(self):
        parent, _ = run(make_trainer(lambda model, *args, **kwargs: model.fit(*args, **kwargs)))
        plain = Plainly(two_of_its_own, weights=parent.weights, epochs=None)
        result, seen = run(make_trainer(two_of_its_own), weights=parent.weights)
        assert [logs["val_loss"] for _, logs in seen] == pytest.approx(plain.scores)
        assert result.score < parent.score

    def test_are_given_callbacks_that_have_seen_nothing(self):
        made = []

        def callbacks():
            made.append(keras.callbacks.EarlyStopping(patience=100))
            return made[-1:]

        run(replace(make_trainer(two_of_its_own), callbacks=callbacks))
        assert len(made) == 2

    def test_retrain_a_new_model(self):
        steps = []

        def fit(model, *args, **kwargs):
            two_of_its_own(model, *args, **kwargs)
            steps.append(int(model.optimizer.iterations))

        trainer = make_trainer(fit)
        model = trainer.retrain(keras_tuner.HyperParameters(), epochs=EPOCHS, seed=SEED)
        assert steps == [int(model.optimizer.iterations)] == [3 * 2]  # epochs of two steps each


def freezing(model, *args, **kwargs):
    """Train the last layer first, then all of them, as one fine-tunes a network."""
    model.get_layer("base").trainable = False
    compile_again(model)
    model.fit(*args, **kwargs)
    model.get_layer("base").trainable = True
    compile_again(model)
    return model.fit(*args, **kwargs)


def test_metrics_are_given_the_targets_that_fit_prepares():
    """Keras chooses what `accuracy` means by the first targets that it sees."""

    class OfTwoClasses(keras_tuner.HyperModel):
        def build(self, hp):
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
            model.compile("sgd", "mse", metrics=["accuracy"], run_eagerly=True)
            return model

        def fit(self, hp, model, x, y, validation_data, **kwargs):
            x_val, y_val = validation_data
            targets, validation = (keras.utils.to_categorical(of > 0, 2) for of in (y, y_val))
            return model.fit(x, targets, validation_data=(x_val, validation), **kwargs)

    keras.utils.set_random_seed(SEED)
    hypermodel = OfTwoClasses()
    plain = hypermodel.fit(
        None, hypermodel.build(None), DATASET.train.x, DATASET.train.y, epochs=2, **ARGUMENTS
    )
    trainer = replace(make_trainer(freezing), hypermodel=hypermodel)
    result = trainer.train(
        Execution(keras_tuner.HyperParameters(), SEED, 0, 2), lambda epoch, logs: None
    )
    for epoch, logs in result.logs.items():
        expected = {name: values[epoch] for name, values in plain.history.items()}
        assert logs == pytest.approx(expected)


class TestCompiledAgain:
    def test_weights_are_restored_whatever_was_trained(self):
        def fit(model, *args, **kwargs):
            model.get_layer("base").trainable = False
            compile_again(model, "adam")
            return model.fit(*args, **kwargs)

        plain = Plainly(fit)
        trainer = make_trainer(fit, optimizer="adam")
        result, _ = run(trainer)
        assert_weights(result, plain.epochs.weights[result.best_epoch])
        restored = trainer.restore(keras_tuner.HyperParameters(), result.weights, seed=2)
        assert int(restored.optimizer.iterations) == 0  # another's state is not its own
        assert restored.get_layer("base").trainable

    @pytest.mark.thorough
    def test_a_promoted_trial_goes_on_with_them(self):
        trainer = make_trainer(freezing, optimizer="adam")
        parent, _ = run(trainer)
        plain = Plainly(lambda model, *args, **kwargs: freezing(model, *args, **kwargs))
        assert parent.score == pytest.approx(min(plain.scores))
        child, _ = run(trainer, weights=parent.weights, initial_epoch=EPOCHS, epochs=EPOCHS + 2)
        assert child.score < parent.score

    def test_a_state_that_fits_is_restored(self):
        def fit(model, *args, **kwargs):
            return model.fit(*args, **kwargs)

        trainer = make_trainer(fit, optimizer="adam")
        result, _ = run(trainer)
        restored = trainer.restore(keras_tuner.HyperParameters(), result.weights, seed=2)
        assert int(restored.optimizer.iterations) == result.best_epoch + 1

    def test_first_by_fit(self):
        def fit(model, *args, **kwargs):
            compile_again(model)
            return model.fit(*args, **kwargs)

        plain = Plainly(fit)
        result, _ = run(make_trainer(fit, compiled=False))
        assert_weights(result, plain.epochs.weights[result.best_epoch])

    def test_elsewhere_a_state_that_does_not_fit_is_an_error(self):
        result, _ = run(make_trainer(freezing))
        adam = replace(result.weights, optimizer=(np.zeros(()),) * 5)
        ordinary = replace(make_trainer(freezing), hypermodel=Ordinary())
        with pytest.raises(ValueError, match="zip"):
            ordinary.restore(keras_tuner.HyperParameters(), adam, seed=1)


class Cropped(keras.Model):
    """Has no weights before it has seen data, which decide on their shape."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = keras.layers.Dense(3), keras.layers.Dense(1)

    def call(self, inputs):
        return self.out(self.hidden(inputs))


class OfColumns(keras.Model):
    """Likewise, of several inputs by name."""

    def __init__(self):
        super().__init__()
        self.out = keras.layers.Dense(1)

    def call(self, inputs):
        return self.out(inputs["first"]) + self.out(inputs["last"])


def crop(x):
    return x[:, :2]


def columns(x):
    return {"first": x[:, :1], "last": x[:, -1:]}


def unbuilt_sequential():
    return keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(1)])


class Preparing(keras_tuner.HyperModel):
    """Prepares the examples in its `fit`, and nobody else knows how."""

    def __init__(self, make, prepare, compiled=True):
        super().__init__()
        self.make, self.prepare, self.compiled = make, prepare, compiled

    def build(self, hp):
        model = self.make()
        if self.compiled:
            model.compile("adam", "mse", run_eagerly=True)
            model.optimizer.learning_rate = SLOWLY
        return model

    def fit(self, hp, model, x, y, validation_data, **kwargs):
        assert not model.weights, "it was shown data before"
        x_val, y_val = validation_data
        if not self.compiled:
            model.compile("adam", "mse", run_eagerly=True)
        validation_data = (self.prepare(x_val), y_val)
        return model.fit(self.prepare(x), y, validation_data=validation_data, **kwargs)


@pytest.mark.sampled("subclassed", "compiled by fit")
@pytest.mark.parametrize(
    ("make", "prepare", "compiled"),
    [
        (Cropped, crop, True),
        (Cropped, crop, False),
        (unbuilt_sequential, crop, True),
        (OfColumns, columns, True),
    ],
    ids=["subclassed", "compiled by fit", "sequential", "several inputs"],
)
def test_a_model_is_built_with_what_its_fit_shows_it(make, prepare, compiled, tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    hypermodel = Preparing(make, prepare, compiled)
    trainer = replace(make_trainer(freezing), hypermodel=hypermodel, callbacks=lambda: [backup])
    execution = Execution(keras_tuner.HyperParameters(), SEED, 0, EPOCHS)
    trainer.train(execution, lambda *_: None).save(tmp_path / "weights.npz", seed=1)
    result = TrainingResult.load(tmp_path / "weights.npz")
    model = trainer.restore(keras_tuner.HyperParameters(), result.weights, seed=1)
    predicted = np.asarray(model(prepare(DATASET.validation.x)))[:, 0]
    assert np.square(predicted - DATASET.validation.y).mean() == pytest.approx(result.score)
    keras.utils.set_random_seed(SEED)
    plain = hypermodel.build(None)
    history = hypermodel.fit(
        None, plain, DATASET.train.x, DATASET.train.y, epochs=EPOCHS, **ARGUMENTS
    )
    scores = [logs["val_loss"] for logs in result.logs.values()]
    assert scores == pytest.approx(history.history["val_loss"], rel=1e-5)


def test_a_promoted_trial_goes_on_with_what_was_built_by_fit():
    class Going(Preparing):
        def fit(self, hp, model, x, y, validation_data, **kwargs):
            x_val, y_val = validation_data
            return model.fit(crop(x), y, validation_data=(crop(x_val), y_val), **kwargs)

    trainer = replace(make_trainer(freezing), hypermodel=Going(Cropped, crop))
    parent = trainer.train(
        Execution(keras_tuner.HyperParameters(), SEED, 0, EPOCHS), lambda *_: None
    )
    execution = Execution(keras_tuner.HyperParameters(), SEED, EPOCHS, EPOCHS + 3, parent.weights)
    assert trainer.train(execution, lambda *_: None).score < parent.score


def test_a_model_that_is_trained_inside_of_another_one():
    """As in distillation, or with a head that only the training has."""

    class Whole(keras.Model):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.scale = inner, keras.layers.Dense(1, use_bias=False)

        def call(self, inputs):
            return self.inner(inputs) + 0.0 * self.scale(inputs)

    def fit(model, *args, **kwargs):
        whole = Whole(model)
        whole.compile("sgd", "mse", run_eagerly=True)
        whole.optimizer.learning_rate = SLOWLY
        return whole.fit(*args, **kwargs)

    result, _ = run(make_trainer(fit))
    assert result.score == min(logs["val_loss"] for logs in result.logs.values())


def in_batches(x, y):
    return tf.data.Dataset.from_tensor_slices((crop(x), y)).batch(5)


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = crop(x), y

    def __len__(self):
        return len(self.x) // 6

    def __getitem__(self, index):
        return self.x[6 * index : 6 * index + 6], self.y[6 * index : 6 * index + 6]


def endless(x, y):
    return in_batches(x, y).repeat()


@pytest.mark.parametrize(
    "prepare",
    [lambda x, y: (crop(x), y), lambda x, y: [crop(x), y, 0 * y], in_batches, Batches],
    ids=["arrays", "weights", "stream", "batches"],
)
@pytest.mark.parametrize("catches", [False, True])
def test_a_split_is_what_fit_makes_of_it(prepare, catches):
    steps = []

    def fit(model, x, y, validation_data, **kwargs):
        try:
            kwargs["validation_data"] = prepare(*validation_data)
            if catches:
                return model.fit(crop(x), y, **kwargs)
            return model.fit(crop(x), y, epochs=1, **kwargs)  # which Python refuses at first
        except Exception:
            if not catches:
                raise
        finally:
            steps.append(model.optimizer.iterations.numpy())

    trainer = make_trainer(fit)
    made = trainer.as_validated(keras_tuner.HyperParameters(), DATASET.test)
    np.testing.assert_array_equal(made.x, crop(DATASET.test.x))
    np.testing.assert_array_equal(made.y, DATASET.test.y)
    weights = made.sample_weight
    assert weights is None or weights.tolist() == [0] * ROWS
    assert set(steps) == {0}


def inside_of_another(model, x, y, validation_data, **kwargs):
    whole = keras.Sequential([model])
    whole.compile("sgd", "mse")
    return whole.fit(x, y, validation_data=validation_data, **kwargs)


def without_validation(model, x, y, validation_data, **kwargs):
    return model.fit(x, y, **kwargs)


def with_fewer_rows(model, x, y, validation_data, **kwargs):
    x_val, y_val = validation_data
    return model.fit(x, y, validation_data=(x_val[:5], y_val[:5]), **kwargs)


def without_end(model, x, y, validation_data, **kwargs):
    return model.fit(x, y, validation_data=endless(*validation_data), **kwargs)


def raising(model, *args, **kwargs):
    raise ValueError("no luck")


@pytest.mark.parametrize(
    "fit", [inside_of_another, without_validation, with_fewer_rows, without_end, raising]
)
def test_a_split_stays_as_it_is_where_nobody_can_tell(fit):
    made = make_trainer(fit).as_validated(keras_tuner.HyperParameters(), DATASET.test)
    assert made is DATASET.test
