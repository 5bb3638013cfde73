"""Trainings on streams: those on the same arrays in the same order, and those that go on."""

import functools

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf

from pipeline.datasets import Dataset, Split, Stream
from pipeline.datasets.batches import Examples
from pipeline.training.failures import sentence
from pipeline.training.notices import Notices
from pipeline.training.stopping import Stop, never
from pipeline.training.traces import Traces
from pipeline.training.trainer import Execution, Trainer
from pipeline.training.verification import Verification
from tests.datasets.test_streams import Batches

COUNT, BATCH, SEED = 50, 16, 5
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(COUNT, 4)).astype("float32")
Y = X.sum(axis=1)
VALIDATION = Split(X[:20] + 0.1, Y[:20])

# Keras says so of its own default, whoever gives `fit` a tf.data.Dataset.
pytestmark = pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")


class Net(keras_tuner.HyperModel):
    def build(self, hp):
        layers = [keras.layers.Dense(3, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile("adam", "mse", metrics=["mae"])
        return model


class Own(Net):
    """A hypermodel with a `fit` of its own, as KerasTuner's documentation writes it."""

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs)


TRACES = Traces()


def trainer(train, validation=VALIDATION, hypermodel=None, **changes):
    dataset = Dataset(
        name="sums",
        task="regression",
        train=train,
        validation=validation,
        test=VALIDATION,
        classes=(),
        source="made",
    )
    given = {"traces": TRACES, "checkpoint_seconds": 0.0, **changes}
    objective = keras_tuner.Objective("val_loss", "min")
    return Trainer(hypermodel or Net(), dataset, objective, BATCH, **given)


def train(with_, *, epochs, path=None, stops_at=None):
    """Train; return what each epoch reported."""
    logs = {}
    execution = Execution(keras_tuner.HyperParameters(), SEED, 0, epochs, checkpoint=path)
    stop = (
        (lambda: Stop.INTERRUPT if max(logs) == stops_at else None)
        if stops_at is not None
        else never
    )
    with_.train(execution, logs.__setitem__, stop)
    return logs


def tensors(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y))


@functools.cache
def of_arrays():
    return train(trainer(Split(X, Y)), epochs=2)


def ordered():
    """Return the examples in the order that the first epoch of arrays has."""
    batches = Examples.of(Split(X, Y)).shuffled(BATCH, seed=SEED, initial_epoch=0, epochs=1)
    x, y = zip(*batches, strict=True)
    return np.concatenate(x), np.concatenate(y)


def as_arrays(epoch, seed):
    """Yield the examples in the order that arrays have."""
    seeds = tf.constant([seed, epoch], tf.int64)
    for row in tf.random.experimental.stateless_shuffle(tf.range(COUNT), seed=seeds).numpy():
        yield X[row], Y[row]


def in_batches():
    return iter(tensors(*ordered()).batch(BATCH))


def same(logs, expected):
    assert logs.keys() == expected.keys()
    for epoch, values in logs.items():
        assert values == pytest.approx(expected[epoch], rel=1e-5)
    return True


@pytest.mark.sampled("tf.data", "function of the epoch")
@pytest.mark.parametrize(
    ("stream", "epochs"),
    [
        (lambda: tensors(*ordered()), 1),
        (lambda: tensors(*ordered()).batch(BATCH), 1),
        (lambda: Stream(Batches(*ordered()), shuffle_buffer=0), 1),
        (lambda: in_batches, 1),
        (lambda: as_arrays, 2),
    ],
    ids=["tf.data", "tf.data in batches", "PyDataset", "function", "function of the epoch"],
)
def test_a_stream_trains_as_the_same_arrays_in_the_same_order(stream, epochs):
    logs = train(trainer(stream(), tensors(VALIDATION.x, VALIDATION.y)), epochs=epochs)
    assert same(logs, {epoch: of_arrays()[epoch] for epoch in range(epochs)})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_py_dataset_is_read_by_keras_with_its_workers(workers):
    source = Batches(X, Y, workers=workers)
    validation = Batches(VALIDATION.x, VALIDATION.y, workers=workers)
    before = source.ends
    logs = train(trainer(source, validation), epochs=2)
    assert source.ends >= before + 2
    one = train(trainer(Batches(X, Y), validation), epochs=2)
    assert same(logs, one)


@pytest.mark.sampled("function")
@pytest.mark.parametrize(
    "stream",
    [
        lambda: as_arrays,
        lambda: Stream(tensors(X, Y), shuffle_buffer=COUNT),
        lambda: Batches(X, Y),
    ],
    ids=["function", "tf.data", "PyDataset"],
)
def test_a_training_that_was_interrupted_ends_as_one_that_was_not(stream, tmp_path):
    whole = train(trainer(stream()), epochs=4)
    with pytest.raises(KeyboardInterrupt):
        train(trainer(stream()), epochs=4, path=tmp_path / "state", stops_at=1)
    keras.utils.set_random_seed(99)  # another process
    assert train(trainer(stream()), epochs=4, path=tmp_path / "state") == whole


@pytest.mark.parametrize("stream", [lambda: as_arrays, lambda: Batches(X, Y)])
def test_a_fit_of_its_own_is_given_the_stream_as_keras_tuner_passes_it_on(stream):
    given = []

    class Noting(Own):
        def fit(self, hp, model, x, **kwargs):
            given.append((x, kwargs))
            return super().fit(hp, model, x, **kwargs)

    made = stream()
    logs = train(trainer(made, tensors(X, Y), Noting()), epochs=2)
    assert sorted(logs) == [0, 1]
    ((x, kwargs),) = given
    assert x is made if isinstance(made, Batches) else isinstance(x, tf.data.Dataset)
    assert isinstance(kwargs["validation_data"], tf.data.Dataset)
    assert kwargs.keys() == {"callbacks", "validation_data", "epochs", "verbose"}


def test_a_fit_of_its_own_sees_each_epoch_in_its_order():
    assert same(train(trainer(as_arrays, hypermodel=Own()), epochs=2), of_arrays())


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("hypermodel", [Net, Own])
@pytest.mark.parametrize("stream", [lambda: tensors(X, Y), lambda: Batches(X, Y)])
def test_the_final_model_is_trained_on_all_examples(stream, hypermodel):
    made = trainer(stream(), Batches(VALIDATION.x, VALIDATION.y), hypermodel())
    model = made.retrain(keras_tuner.HyperParameters(), epochs=2, seed=1)
    assert int(model.optimizer.iterations) == 2 * (4 + 2)


def test_a_training_on_a_stream_can_be_verified():
    told = []
    with_ = trainer(as_arrays, tensors(X, Y), notices=Notices(told.append))
    execution = Execution(keras_tuner.HyperParameters(), SEED, 0, 2)
    Verification(with_, 1).train("1", execution, lambda *_: None, never)
    assert told == ["trial 1 verified: 2 epochs are those of plain Keras"]


@pytest.mark.parametrize("kind", ["function", "PyDataset"])
def test_what_a_source_raises_is_told(kind):
    def failing(epoch):
        if epoch == 1:
            raise KeyError("lost")
        yield from zip(X, Y, strict=True)

    class Failing(Batches):
        def __getitem__(self, index):
            if self.ends > 1:
                raise KeyError("lost")
            return super().__getitem__(index)

    source = failing if kind == "function" else Failing(X, Y)
    with pytest.raises(tf.errors.UnknownError) as raised:
        train(trainer(source), epochs=2)
    assert sentence(raised.value) == "UnknownError: KeyError: 'lost'"
