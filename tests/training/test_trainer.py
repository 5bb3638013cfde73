"""One execution: seeded, watched epoch by epoch, its best weights kept."""

import math
import pickle

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.datasets import Dataset, wine
from pipeline.datasets.batches import Examples
from pipeline.frozen.features import Features
from pipeline.journal.array_store import ArrayStore
from pipeline.training.best_epoch import DivergedError, ObjectiveNotFoundError
from pipeline.training.results import TrainingResult
from pipeline.training.trainer import Execution, Trainer

VAL_LOSS = keras_tuner.Objective("val_loss", "min")


class Small(keras_tuner.HyperModel):
    """A softmax regression on the wines."""

    def __init__(self, **compile_arguments):
        super().__init__()
        self.compile_arguments = compile_arguments

    def build(self, hp):
        model = keras.Sequential(
            [
                keras.Input((13,)),
                keras.layers.Normalization(mean=0.0, variance=1e4),
                keras.layers.Dropout(0.1),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )
        arguments = {"optimizer": keras.optimizers.Adam(hp.Float("learning_rate", 1e-3, 1e-1))}
        arguments |= {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
        model.compile(**(arguments | self.compile_arguments))
        return model


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return wine(validation_size=0.2, test_size=0.2, seed=0)


def make_trainer(dataset, hypermodel=None, objective=VAL_LOSS, **arguments) -> Trainer:
    arguments = {"batch_size": 32} | arguments
    return Trainer(
        hypermodel=hypermodel or Small(), dataset=dataset, objective=objective, **arguments
    )


def make_features(dataset: Dataset) -> Features:
    files = ArrayStore(None, 0)
    return Features(dataset, files, 10**8, False, lambda *_: None, pytest.fail)


def run(trainer: Trainer, *, epochs=3, seed=1, **arguments):
    epochs_seen: dict[int, dict[str, float]] = {}
    hyperparameters = arguments.pop("hyperparameters", keras_tuner.HyperParameters())
    execution = Execution(
        hyperparameters, seed, arguments.pop("initial_epoch", 0), epochs, **arguments
    )
    result = trainer.train(execution, lambda epoch, logs: epochs_seen.update({epoch: dict(logs)}))
    return result, epochs_seen


def assert_same(one: TrainingResult, other: TrainingResult) -> None:
    assert one.score == other.score
    assert one.metrics == other.metrics
    for mine, theirs in zip(one.weights.model, other.weights.model, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_same_seed_same_result_other_seed_other_result(dataset):
    trainer = make_trainer(dataset)
    first, _ = run(trainer, seed=1)
    again, _ = run(trainer, seed=1)
    other, _ = run(trainer, seed=2)
    assert_same(first, again)
    assert first.score != other.score


def test_reports_every_epoch_with_what_keras_reported(dataset):
    result, epochs = run(make_trainer(dataset))
    assert sorted(epochs) == [0, 1, 2]
    assert set(epochs[0]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert result.score == min(logs["val_loss"] for logs in epochs.values())
    assert result.metrics == epochs[result.best_epoch]
    assert len(result.logs) == 3


def test_result_equals_plain_keras(dataset):
    result, epochs = run(make_trainer(dataset), seed=5)
    keras.utils.set_random_seed(5)
    model = Small().build(keras_tuner.HyperParameters())
    validation = (dataset.validation.x, dataset.validation.y)
    examples = Examples.of(dataset.train)
    seen = []
    history = model.fit(
        examples.shuffled(32, seed=5, initial_epoch=0, epochs=3),
        steps_per_epoch=examples.steps(32),
        epochs=3,
        shuffle=False,
        validation_data=validation,
        validation_batch_size=32,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: seen.append(logs))],
    )
    assert result.score == pytest.approx(min(history.history["val_loss"]), rel=1e-6)
    for received, expected in zip(epochs.values(), seen, strict=True):
        assert received == pytest.approx(expected, rel=1e-6)


def test_keeps_the_weights_of_the_best_epoch_not_of_the_last(dataset):
    def callbacks():
        rates = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-3 if epoch < 3 else 1e6)
        return [rates]

    trainer = make_trainer(dataset, Small(optimizer="sgd"), callbacks=callbacks)
    result, epochs = run(trainer, epochs=6)
    assert result.best_epoch == 2
    model = trainer.restore(keras_tuner.HyperParameters(), result.weights, seed=9)
    validation = dataset.validation
    evaluated = model.evaluate(validation.x, validation.y, verbose=0, return_dict=True)
    assert evaluated["loss"] == pytest.approx(result.score, rel=1e-5)
    assert epochs[5]["val_loss"] > result.score


def test_max_direction_takes_the_largest(dataset):
    objective = keras_tuner.Objective("val_accuracy", "max")
    result, epochs = run(make_trainer(dataset, objective=objective), epochs=4)
    assert result.score == max(logs["val_accuracy"] for logs in epochs.values())


def test_continuing_from_weights_keeps_the_optimizers_state(dataset, tmp_path):
    """KerasTuner's promotion restarts the optimizer: its iterations go back to 0."""

    class NoDropout(Small):
        def build(self, hp):
            model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3, "softmax")])
            model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
            return model

    trainer = make_trainer(dataset, NoDropout(), batch_size=1000)  # one step: no shuffling
    whole, _ = run(trainer, epochs=4)
    first, _ = run(trainer, epochs=2)
    first.save(tmp_path / "weights.npz", seed=1)
    weights = TrainingResult.load(tmp_path / "weights.npz").weights
    rest, epochs = run(trainer, epochs=4, initial_epoch=2, weights=weights, seed=77)
    assert sorted(epochs) == [2, 3]
    assert rest.best_epoch == whole.best_epoch == 3
    assert rest.score == pytest.approx(whole.score, rel=1e-6)
    assert int(rest.weights.optimizer[0]) == 4


def test_plain_keras_tuner_loses_the_optimizers_state(tmp_path):
    """What the test above repairs: loading weights into a model with an unbuilt optimizer."""

    def build():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        return model

    model = build()
    model.fit(np.zeros((4, 2)), np.zeros((4, 1)), epochs=3, verbose=0)
    model.save_weights(tmp_path / "checkpoint.weights.h5")
    promoted = build()
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        promoted.load_weights(tmp_path / "checkpoint.weights.h5")
    assert int(promoted.optimizer.iterations.numpy()) == 0


def test_callbacks_are_built_afresh_for_every_execution(dataset):
    made: list[keras.callbacks.Callback] = []

    def callbacks():
        made.append(keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, min_delta=1e9))
        return made[-1:]

    trainer = make_trainer(dataset, callbacks=callbacks)
    first, _ = run(trainer, epochs=5)
    again, _ = run(trainer, epochs=5)
    assert len(made) == 2
    assert made[0] is not made[1]
    assert len(first.logs) == len(again.logs) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_non_finite_objective_is_a_failure(dataset, value):
    class Diverging(Small):
        def fit(self, hp, model, *args, **kwargs):
            return {"val_loss": value}

    with pytest.raises(DivergedError, match="val_loss is not a finite number"):
        run(make_trainer(dataset, Diverging()))


def test_a_nan_loss_is_a_failure_that_says_so(dataset):
    trainer = make_trainer(dataset, Small(loss=lambda y, p: keras.ops.sum(p) * math.nan))
    with pytest.raises(DivergedError, match="at any of 3 epochs"):
        run(trainer)


def test_a_misspelt_objective_ends_after_the_first_epoch_with_the_names(dataset):
    seen = []
    trainer = make_trainer(dataset, objective=keras_tuner.Objective("val_acuracy", "max"))
    execution = Execution(keras_tuner.HyperParameters(), 1, 0, 5)
    with pytest.raises(ObjectiveNotFoundError, match=r"val_acuracy.*accuracy, loss, val_accuracy"):
        trainer.train(execution, lambda epoch, logs: seen.append(epoch))
    assert seen == [0]


class TestOwnFit:
    """Hypermodels with their own `fit` run as they do under KerasTuner; more in test_own_fit.py."""

    def test_returns_history(self, dataset):
        class Own(Small):
            def fit(self, hp, model, *args, **kwargs):
                return model.fit(*args, shuffle=hp.Boolean("shuffle"), **kwargs)

        hyperparameters = keras_tuner.HyperParameters()
        result, epochs = run(make_trainer(dataset, Own()), hyperparameters=hyperparameters)
        assert len(epochs) == 3
        assert result.score == min(logs["val_loss"] for logs in epochs.values())
        assert "shuffle" in hyperparameters.values

    def test_sets_its_own_batch_size_and_epochs(self, dataset):
        class Own(Small):
            def fit(self, hp, model, *args, **kwargs):
                return model.fit(*args, batch_size=hp.Choice("b", [16]), epochs=2, **kwargs)

        _, epochs = run(make_trainer(dataset, Own()))
        assert len(epochs) == 2

    def test_may_not_set_the_epochs_that_hyperband_sets(self, dataset):
        class Own(Small):
            def fit(self, hp, model, *args, **kwargs):
                return model.fit(*args, epochs=2, **kwargs)

        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.values["tuner/epochs"] = 3
        with pytest.raises(keras_tuner.errors.FatalError, match="its own epochs"):
            run(make_trainer(dataset, Own()), hyperparameters=hyperparameters)

    @pytest.mark.parametrize("returned", [0.25, {"val_loss": 0.25, "extra": 3.0}])
    def test_returns_a_number_or_metrics(self, dataset, returned):
        class Own(Small):
            def fit(self, hp, model, x, y, validation_data, callbacks=None, **kwargs):
                return returned

        result, epochs = run(make_trainer(dataset, Own()))
        assert (result.score, result.best_epoch, epochs) == (0.25, None, {})
        assert len(result.weights.model) > 0

    def test_returning_nothing_ends_the_search(self, dataset):
        class Own(Small):
            def fit(self, hp, model, *args, **kwargs):
                return None

        with pytest.raises(keras_tuner.errors.FatalError, match="must return a History"):
            run(make_trainer(dataset, Own()))

    def test_its_own_type_errors_pass(self, dataset):
        class Own(Small):
            def fit(self, hp, model, *args, **kwargs):
                raise TypeError("my mistake")

        with pytest.raises(TypeError, match="my mistake"):
            run(make_trainer(dataset, Own()))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3, activation="softmax")

    def call(self, inputs):
        return self.dense(inputs / 100.0)


def test_a_subclassed_model_is_restored(dataset):
    """KerasTuner cannot load, or silently loads nothing into, a subclassed Keras 3 model."""

    class Own(keras_tuner.HyperModel):
        def build(self, hp):
            model = Subclassed()
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            return model

    trainer = make_trainer(dataset, Own())
    result, _ = run(trainer)
    model = trainer.restore(keras_tuner.HyperParameters(), result.weights, seed=3)
    validation = dataset.validation
    assert model.evaluate(validation.x, validation.y, verbose=0)[0] == pytest.approx(
        result.score, rel=1e-5
    )
    continued, _ = run(trainer, epochs=5, initial_epoch=3, weights=result.weights)
    assert continued.score < result.score


class Unshaped(keras.layers.Layer):
    def call(self, inputs):
        return inputs / 100.0

    def compute_output_shape(self, input_shape):
        raise NotImplementedError


def test_a_sequential_model_without_a_graph_is_trained(dataset):
    class Own(keras_tuner.HyperModel):
        def build(self, hp):
            layers = [keras.Input((13,)), Unshaped(), keras.layers.Dense(3, "softmax")]
            model = keras.Sequential(layers)
            model.compile("adam", "sparse_categorical_crossentropy")
            return model

    result, epochs = run(make_trainer(dataset, Own(), features=make_features(dataset)))
    assert result.score == min(logs["val_loss"] for logs in epochs.values())


def test_no_model_is_a_type_error(dataset):
    class Nothing(keras_tuner.HyperModel):
        def build(self, hp):
            return None

    with pytest.raises(TypeError, match=r"must build a keras\.Model; received None"):
        run(make_trainer(dataset, Nothing()))


def test_batch_size_is_a_hyperparameter_where_it_is_declared(dataset):
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values["batch_size"] = len(dataset.train)
    result, _ = run(make_trainer(dataset, batch_size=1), hyperparameters=hyperparameters)
    assert int(result.weights.optimizer[0]) == result.best_epoch + 1  # one step an epoch


def test_precision_is_keras_dtype_policy(dataset):
    policies = []

    class Watching(Small):
        def build(self, hp):
            policies.append(keras.config.dtype_policy().name)
            return super().build(hp)

    run(make_trainer(dataset, Watching(), precision="mixed_bfloat16"), epochs=1)
    run(make_trainer(dataset, Watching()), epochs=1)
    assert policies == ["mixed_bfloat16", "float32"]


def test_retraining_uses_train_and_validation_data(dataset):
    seen = []

    class Watching(Small):
        def fit(self, hp, model, x, y, **kwargs):
            seen.append((len(x), kwargs["epochs"]))
            return model.fit(x, y, **kwargs)

    trainer = make_trainer(dataset, Watching())
    trainer.retrain(keras_tuner.HyperParameters(), epochs=2, seed=1)
    assert seen == [(len(dataset.train) + len(dataset.validation), 2)]
    plain = make_trainer(dataset, batch_size=1000)
    model = plain.retrain(keras_tuner.HyperParameters(), epochs=2, seed=1)
    assert int(model.optimizer.iterations.numpy()) == 2


def test_execution_and_result_are_picklable(dataset):
    result, _ = run(make_trainer(dataset), epochs=1)
    execution = Execution(keras_tuner.HyperParameters(), 1, 0, 1, result.weights)
    copied = pickle.loads(pickle.dumps(execution))
    assert_same(pickle.loads(pickle.dumps(result)), result)
    assert copied.seed == 1
