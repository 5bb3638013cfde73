"""A training that was interrupted ends like one that was not, whichever epoch it had reached."""

import csv
import functools
import http.server
import math
import threading
from collections import OrderedDict, defaultdict

import keras
import keras_tuner
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

from pipeline.datasets import wine
from pipeline.journal.arrays import write_arrays
from pipeline.journal.files import DamagedFileError
from pipeline.training.callback_state import callback_state, restore_callback
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.notices import Notices
from pipeline.training.stopping import Stop, never
from pipeline.training.trainer import Execution, Trainer

DATASET = wine(validation_size=0.2, test_size=0.2, seed=0)
EPOCHS = 8


class Killed(BaseException):
    """What a killed process does not live to see."""


class Random(keras_tuner.HyperModel):
    """Random in every way that Keras offers: weights, dropout, noise and order."""

    def build(self, hp):
        model = keras.Sequential(
            [
                keras.Input((13,)),
                keras.layers.Rescaling(0.01),
                keras.layers.GaussianNoise(0.1),
                keras.layers.Dense(16, activation="relu"),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(0.4),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )
        optimizer = keras.optimizers.Adam(0.05, use_ema=hp.values.get("use_ema", False))
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


class Own(Random):
    """A hypermodel with its own `fit`."""

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs)


def stopping():
    """Callbacks that learn during the training, and end it early."""
    return [
        keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=0.05),
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=3, min_delta=0.5, restore_best_weights=True
        ),
    ]


def trainer(hypermodel=None, callbacks=list, every_seconds=0.0, objective="val_loss", tell=print):
    return Trainer(
        hypermodel=hypermodel or Random(),
        dataset=DATASET,
        objective=keras_tuner.Objective(objective, "min"),
        batch_size=16,
        callbacks=callbacks,
        checkpoint_seconds=every_seconds,
        notices=Notices(tell),
    )


@functools.cache
def plain_trainer():
    """Return one for all tests that train without callbacks: it traces its model once."""
    return trainer()


@functools.cache
def stopping_trainer():
    """Return one for all tests that train with callbacks that learn and stop."""
    return trainer(callbacks=stopping)


def train(with_, path, *, dies_at=None, stops_at=None, **changes):
    """Train; return the result and the epochs that were told, in order."""
    told = []

    def on_epoch_end(epoch, logs):
        told.append((epoch, dict(logs)))
        if epoch == dies_at:
            raise Killed

    fields = {"seed": 5, "initial_epoch": 0, "epochs": EPOCHS, "checkpoint": path} | changes
    task = Execution(**{"hyperparameters": keras_tuner.HyperParameters()} | fields)
    stop = (
        (lambda: Stop.INTERRUPT if told[-1][0] == stops_at else None)
        if stops_at is not None
        else never
    )
    return with_.train(task, on_epoch_end, stop), told


def assert_same(one, other):
    (result, told), (expected, expected_told) = one, other
    assert told == expected_told
    assert (result.score, result.best_epoch) == (expected.score, expected.best_epoch)
    assert result.logs == expected.logs
    pairs = zip(
        result.weights.model + result.weights.optimizer,
        expected.weights.model + expected.weights.optimizer,
        strict=True,
    )
    for mine, theirs in pairs:
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    "make", [pytest.param(plain_trainer, marks=pytest.mark.thorough), stopping_trainer]
)
def test_continues_at_the_epoch_it_had_reached(make, tmp_path):
    with_ = make()
    whole = train(with_, None)
    last = whole[1][-1][0]
    assert (last + 1 < EPOCHS) == (make is stopping_trainer)
    for reached in range(last + 1):
        path = tmp_path / str(reached) / "checkpoint-0.npz"
        with pytest.raises(Killed):
            train(with_, path, dies_at=reached)
        assert path.exists() == (reached > 0)  # it died before it kept this epoch
        assert_same(train(with_, path), whole)


def test_is_stopped_after_the_epoch_and_loses_none(tmp_path):
    with_ = trainer(callbacks=stopping, every_seconds=math.inf)
    whole = train(with_, None)
    path = tmp_path / "checkpoint-0.npz"
    for reached in range(3):  # interrupted again and again
        with pytest.raises(KeyboardInterrupt):
            train(with_, path, stops_at=reached)
        assert max(Checkpoint(path, 5, 0).load().logs) == reached
    assert_same(train(with_, path), whole)


def test_a_training_that_had_stopped_early_trains_no_more(tmp_path):
    with_ = stopping_trainer()
    whole = train(with_, tmp_path / "checkpoint-0.npz")
    assert Checkpoint(tmp_path / "checkpoint-0.npz", 5, 0).load().stopped
    assert_same(train(with_, tmp_path / "checkpoint-0.npz"), whole)


def test_a_promoted_trial_continues_with_its_own_weights(tmp_path):
    with_ = plain_trainer()
    parent, _ = train(with_, None, epochs=2)
    rest = {"initial_epoch": 2, "weights": parent.weights, "seed": 6}
    whole = train(with_, None, **rest)
    path = tmp_path / "checkpoint-0.npz"
    with pytest.raises(Killed):
        train(with_, path, dies_at=5, **rest)
    assert_same(train(with_, path, **rest), whole)


def test_cheap_epochs_pay_nothing(tmp_path):
    train(trainer(every_seconds=60.0), tmp_path / "checkpoint-0.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.thorough
def test_another_attempts_checkpoint_is_not_continued(tmp_path):
    with_, path = plain_trainer(), tmp_path / "checkpoint-0.npz"
    with pytest.raises(Killed):
        train(with_, path, dies_at=4, seed=1)
    _, told = train(with_, path, seed=2)
    assert told == train(with_, None, seed=2)[1]


@pytest.mark.sampled("cut off")
@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "cut off"])
def test_a_damaged_checkpoint_is_called_so(content, tmp_path):
    with_, path = plain_trainer(), tmp_path / "checkpoint-0.npz"
    with pytest.raises(Killed):
        train(with_, path, dies_at=3)
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    with pytest.raises(DamagedFileError, match=r"checkpoint-0.npz cannot be read \("):
        train(with_, path)


@pytest.mark.thorough
def test_an_own_fit_starts_again(tmp_path):
    with_, path = trainer(Own()), tmp_path / "checkpoint-0.npz"
    with pytest.raises(KeyboardInterrupt):
        train(with_, path, stops_at=3)
    assert not path.exists()
    _, told = train(with_, path)
    assert [epoch for epoch, _ in told] == list(range(EPOCHS))


def test_callbacks_state_goes_through_the_file(tmp_path):
    class Learning(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.numbers = [1, 2.5, -math.inf, None, True, "text"]
            self.array = np.arange(3, dtype=np.int16)
            self.number = np.float32(0.5)
            self.nested = {"weights": [np.ones((2, 2)), (np.zeros(1), 3)]}
            self.function = max
            self.lazily = None
            self.unnamed = lambda: 1

    learnt = Learning()
    learnt.array[:] = 7
    learnt.lazily = keras.ops.less
    train(trainer(callbacks=lambda: [learnt]), tmp_path / "checkpoint-0.npz", epochs=1)
    (state,) = Checkpoint(tmp_path / "checkpoint-0.npz", 5, 0).load().callbacks
    fresh = Learning()
    restore_callback(fresh, state)
    assert fresh.numbers == learnt.numbers
    np.testing.assert_array_equal(fresh.array, [7, 7, 7])
    assert fresh.array.dtype == np.int16
    assert (fresh.number, type(fresh.number)) == (0.5, np.float32)
    np.testing.assert_array_equal(fresh.nested["weights"][0], np.ones((2, 2)))
    assert fresh.nested["weights"][1][1] == 3
    assert fresh.function is max
    assert fresh.lazily is keras.ops.less
    assert fresh.unnamed() == 1
    assert callback_state(fresh).keys() == state.keys()


def halved(epoch, rate):
    return rate / 2


def unnamed(function):
    return lambda *arguments: function(*arguments)


KERAS_CALLBACKS = keras.callbacks
OF_KERAS = {
    "BackupAndRestore": lambda path: KERAS_CALLBACKS.BackupAndRestore(path / "backup"),
    "CSVLogger": lambda path: KERAS_CALLBACKS.CSVLogger(path / "log.csv"),
    "EarlyStopping": lambda _: KERAS_CALLBACKS.EarlyStopping(
        patience=1, min_delta=10, restore_best_weights=True
    ),
    "History": lambda _: KERAS_CALLBACKS.History(),
    "LambdaCallback": lambda path: KERAS_CALLBACKS.LambdaCallback(
        on_epoch_end=lambda epoch, _: (path / f"{epoch}").touch()
    ),
    "LearningRateScheduler": lambda _: KERAS_CALLBACKS.LearningRateScheduler(halved),
    "LearningRateScheduler of a function without a name": lambda _: (
        KERAS_CALLBACKS.LearningRateScheduler(unnamed(halved))
    ),
    "ModelCheckpoint": lambda path: KERAS_CALLBACKS.ModelCheckpoint(
        path / "best.keras", save_best_only=True
    ),
    "ProgbarLogger": lambda _: KERAS_CALLBACKS.ProgbarLogger(),
    "ReduceLROnPlateau": lambda _: KERAS_CALLBACKS.ReduceLROnPlateau(
        "loss", factor=0.5, patience=1, min_delta=10
    ),
    "RemoteMonitor": lambda _: KERAS_CALLBACKS.RemoteMonitor(Listener.address),
    "SwapEMAWeights": lambda _: KERAS_CALLBACKS.SwapEMAWeights(),
    "SwapEMAWeights at every epoch": lambda _: KERAS_CALLBACKS.SwapEMAWeights(swap_on_epoch=True),
    "TensorBoard": lambda path: KERAS_CALLBACKS.TensorBoard(path / "logs"),
    "TensorBoard of everything": lambda path: KERAS_CALLBACKS.TensorBoard(
        path / "logs", histogram_freq=1, write_steps_per_second=True, update_freq="batch"
    ),
    "TerminateOnNaN": lambda _: KERAS_CALLBACKS.TerminateOnNaN(),
}
NO_CALLBACKS = {"Callback", "CallbackList", "OrbaxCheckpoint"}  # the last needs another package


class Listener(http.server.BaseHTTPRequestHandler):
    """What a RemoteMonitor talks to."""

    address = ""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def listener():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        Listener.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


class Switchable:
    """A trainer for many callbacks, which traces its model once."""

    def __init__(self):
        self.make, self.made, self.told = list, [], []
        self.trainer = trainer(callbacks=self, tell=self.told.append)

    def __call__(self):
        self.made = self.make()
        return self.made

    def states(self):
        """Return what the callbacks have learnt, the times of the day apart."""
        learnt = [callback_state(callback) for callback in self.made]
        return [{k: v for k, v in state.items() if not k.endswith("_time")} for state in learnt]

    def end(self):
        """Close what a process closes that is killed."""
        for callback in self.made:
            if isinstance(callback, keras.callbacks.CSVLogger):
                callback.csv_file.close()
            if getattr(callback, "_prev_summary_state", None):
                callback._pop_writer()


@pytest.fixture(scope="module")
def shared_trainer():
    return Switchable()


@pytest.fixture
def switchable(shared_trainer):
    yield shared_trainer
    shared_trainer.end()
    shared_trainer.told.clear()


def interrupted(switchable, make, folder, *, dies_at=1, epochs=3, **changes):
    """Train once as a whole and once in two processes; return both, and the states at the end.

    The files of the whole training are in `whole`, those of the other one in `run`.
    """
    run = folder / "run"
    switchable.make = lambda: make(run)
    run.mkdir()
    whole = train(switchable.trainer, None, epochs=epochs, **changes)
    states = switchable.states()
    run.rename(folder / "whole")
    run.mkdir()
    path = folder / "checkpoint-0.npz"
    with pytest.raises(Killed):
        train(switchable.trainer, path, epochs=epochs, dies_at=dies_at, **changes)
    assert max(Checkpoint(path, 5, 0).load().logs) == dies_at - 1
    switchable.end()
    continued = train(switchable.trainer, path, epochs=epochs, **changes)
    return whole, continued, states, switchable.states()


def test_all_callbacks_of_keras_are_tried():
    exported = {name for name in dir(keras.callbacks) if not name.startswith("_")}
    assert {name.split()[0] for name in OF_KERAS} == exported - NO_CALLBACKS


@pytest.mark.sampled("EarlyStopping")
@pytest.mark.usefixtures("listener")
@pytest.mark.parametrize(("name", "make"), OF_KERAS.items(), ids=OF_KERAS)
def test_a_training_with_a_callback_of_keras_continues(name, make, switchable, tmp_path):
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values["use_ema"] = "EMA" in name
    whole, continued, states, learnt = interrupted(
        switchable, lambda path: [make(path)], tmp_path, hyperparameters=hyperparameters
    )
    assert_same(continued, whole)
    np.testing.assert_equal(learnt, states)
    assert not switchable.told


def columns(file):
    with file.open() as opened:
        return list(csv.reader(opened))


def test_a_csv_file_goes_on_as_if_never_interrupted(switchable, tmp_path):
    interrupted(switchable, lambda path: [OF_KERAS["CSVLogger"](path)], tmp_path, dies_at=2)
    whole, continued = (tmp_path / name / "log.csv" for name in ("whole", "run"))
    assert [row[0] for row in columns(whole)] == ["epoch", "0", "1", "2"]
    assert continued.read_bytes() == whole.read_bytes()


@pytest.mark.sampled("True")
@pytest.mark.parametrize("append", [False, True])
def test_a_csv_file_keeps_the_rows_of_other_trainings(append, switchable, tmp_path):
    def make():
        return [keras.callbacks.CSVLogger(file, separator=";", append=append)]

    switchable.make, file, path = make, tmp_path / "log.csv", tmp_path / "checkpoint-0.npz"
    train(switchable.trainer, None, epochs=3, seed=1)
    with pytest.raises(Killed):
        train(switchable.trainer, path, epochs=4, dies_at=2)
    switchable.end()
    others = b"0;of another\r\n3;of another\r\n"
    file.write_bytes(file.read_bytes() + others)
    train(switchable.trainer, path, epochs=4)
    rows = [line.split(b";")[0].decode() for line in file.read_bytes().splitlines()]
    before = ["0", "1", "2"] if append else []
    assert rows == ["epoch", *before, "0", "1", "0", "3", "2", "3"]
    assert others in file.read_bytes()


LEFT = {"nothing": None, "empty": b"", "torn": b"epoch;loss\r\n0;1\r\n1;1\r\n2"}


@pytest.mark.sampled("torn")
@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_a_csv_file_goes_on_whatever_became_of_it(left, switchable, tmp_path):
    file, path = tmp_path / "log.csv", tmp_path / "checkpoint-0.npz"
    switchable.make = lambda: [keras.callbacks.CSVLogger(file, separator=";")]
    with pytest.raises(Killed):
        train(switchable.trainer, path, epochs=4, dies_at=2)
    switchable.end()
    whole = file.read_bytes().splitlines(keepends=True)
    if left is None:
        file.unlink()
    elif left == b"":
        file.write_bytes(b"")
    else:
        file.write_bytes(b"".join(whole[:-1]) + whole[-1][:1])  # the disk was full
    train(switchable.trainer, path, epochs=4)
    rows = [line.split(b";")[0].decode() for line in file.read_bytes().splitlines()]
    assert rows == ["epoch", *(["0", "1"] if left else []), "2", "3"]


def scalars(folder):
    """Return step and value of each scalar that TensorBoard shows of an epoch, in order."""
    values = {}
    for file in sorted(folder.rglob("events.*")):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tag.startswith("epoch_"):
                    number = float(tensor_util.make_ndarray(value.tensor))
                    key = file.parent.name, value.tag
                    values.setdefault(key, []).append((event.step, number))
    return values


@pytest.mark.thorough
def test_tensorboard_goes_on_with_its_steps(switchable, tmp_path):
    interrupted(switchable, lambda path: [OF_KERAS["TensorBoard"](path)], tmp_path, dies_at=2)
    whole, continued = (scalars(tmp_path / name) for name in ("whole", "run"))
    assert {len(curve) for curve in whole.values()} == {3}
    assert continued.keys() == whole.keys()
    for name, curve in continued.items():  # epoch 2 was trained twice, equally
        assert sorted(curve) == sorted([*whole[name], whole[name][2]])


@pytest.mark.thorough
def test_a_backup_of_another_training_is_not_restored(switchable, tmp_path):
    make = OF_KERAS["BackupAndRestore"]
    switchable.make = lambda: [make(tmp_path)]
    with pytest.raises(Killed):
        train(switchable.trainer, None, epochs=3, dies_at=1, seed=1)
    assert list((tmp_path / "backup").iterdir())
    result = train(switchable.trainer, tmp_path / "checkpoint-0.npz", epochs=3)
    switchable.make = list
    assert_same(result, train(switchable.trainer, None, epochs=3))


class Remembering(keras.callbacks.Callback):
    """Lowers the learning rate by what it remembers, in every kind of container."""

    def __init__(self):
        super().__init__()
        self.seen, self.by_epoch, self.groups = set(), OrderedDict(), defaultdict(list)
        self.lock, self.function = threading.Lock(), unnamed(max)
        self.dataset = DATASET

    def on_train_begin(self, logs=None):
        self.model.optimizer.learning_rate = 0.05

    def on_epoch_end(self, epoch, logs=None):
        self.seen.add(round(logs["loss"], 1))
        self.by_epoch[epoch] = logs["loss"]
        self.groups[epoch % 2].append(self.by_epoch)
        least = min(self.by_epoch, key=self.by_epoch.get)
        self.model.optimizer.learning_rate *= 0.9 ** (len(self.seen) + least)


def test_what_a_callback_cannot_keep_is_told_once_and_the_rest_goes_on(switchable, tmp_path):
    whole, continued, states, learnt = interrupted(
        switchable, lambda _: [Remembering()], tmp_path, dies_at=2, epochs=4
    )
    assert_same(continued, whole)
    assert learnt == states
    assert learnt[0].keys() >= {"seen", "by_epoch", "groups"}
    (remembering,) = switchable.made
    assert remembering.groups[1][0] is remembering.by_epoch
    sentence = (
        "no checkpoint can keep {} of the callback Remembering ({}): a training that is continued "
        "after an interruption starts with it as new"
    )
    assert switchable.told == [
        sentence.format("lock", "lock"),
        sentence.format("dataset", "Dataset"),
    ]


class Schedule:
    """A function that remembers, given to a callback of Keras."""

    def __call__(self, epoch, rate):
        return rate


class OwnBoard(keras.callbacks.TensorBoard):
    """A callback of Keras with something of a user's."""

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.own = Schedule()


@pytest.mark.parametrize(
    ("make", "attribute"),
    [
        (lambda _: keras.callbacks.LearningRateScheduler(Schedule()), "schedule"),
        (lambda _: keras.callbacks.LearningRateScheduler(Schedule().__call__), "schedule"),
        (lambda path: OwnBoard(path), "own"),
    ],
    ids=["object", "method", "subclass"],
)
def test_what_keras_holds_of_a_users_is_told(make, attribute, switchable, tmp_path):
    switchable.make = lambda: [make(tmp_path)]
    train(switchable.trainer, tmp_path / "checkpoint-0.npz", epochs=1)
    (sentence,) = switchable.told
    assert sentence.startswith(f"no checkpoint can keep {attribute} of the callback ")


def test_a_checkpoint_of_version_0_1_0_is_read(tmp_path):
    """Its form is written down here as that version wrote it."""
    ones, sevens = np.ones((2, 2), np.float32), np.array([7, 7], np.int16)
    callback = {
        "patience": 3,
        "best": {"array": 3},
        "best_weights": {"list": [{"array": 2}, {"tuple": [None, "text"]}]},
        "monitor_op": {"function": ["keras.src.ops.numpy", "less"]},
        "nested": {"dict": {"a": {"list": []}}},
    }
    logs = {"loss": 0.5, "val_loss": math.nan}
    head = {
        "seed": 5,
        "logs": [[0, logs]],
        "best_epoch": 0,
        "best": (1, 0),
        "current": (1, 0),
        "callbacks": [{"dict": callback}],
        "stopped": False,
    }
    path = tmp_path / "checkpoint-0.npz"
    write_arrays(path, head, [ones, ones + 1, sevens, np.asarray(np.float32(0.5))])
    state = Checkpoint(path, 5, 0).load()
    np.testing.assert_equal(dict(state.logs), {0: logs})
    np.testing.assert_array_equal(state.best.model[0], ones)
    np.testing.assert_array_equal(state.current.model[0], ones + 1)
    (read,) = state.callbacks
    assert read["monitor_op"] is keras.ops.less
    assert (read["best"], type(read["best"])) == (0.5, np.float32)
    np.testing.assert_array_equal(read["best_weights"][0], sevens)
    assert read["best_weights"][1] == (None, "text")
    assert read["nested"] == {"a": []}
    assert read["patience"] == 3
