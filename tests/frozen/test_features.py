"""What frozen layers give is computed once, and training on it is training the whole model."""

import functools

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

from pipeline.frozen import part as frozen
from pipeline.frozen.features import Features
from pipeline.frozen.part import find_frozen_part
from pipeline.hypermodels import Transfer
from pipeline.journal.array_store import ArrayStore
from pipeline.training.results import TrainingResult
from pipeline.training.trainer import Execution, Trainer
from tests.frozen_models import SHAPE, OnBackbone, backbone, compiled, images

MB = 1_000_000
DATASET = images()
shared = functools.cache(backbone)


@pytest.fixture(autouse=True)
def _policy():
    keras.config.set_dtype_policy("float32")  # a trainer sets it for all models that come after


@pytest.fixture
def make(tmp_path):
    """Return a function that makes features with a folder on the disk, and what they tell."""

    def make(dataset=DATASET, *, max_bytes=100 * MB, disk_bytes=100 * MB, half_precision=False):
        told, reasons = [], []
        features = Features(
            dataset=dataset,
            files=ArrayStore(tmp_path / "features", disk_bytes),
            max_bytes=max_bytes,
            half_precision=half_precision,
            on_progress=lambda done, total: told.append(total if done == total else 0),
            on_refusal=reasons.append,
        )
        return features, told, reasons

    return make


def make_trainer(hypermodel, features=None, dataset=DATASET, **arguments):
    objective = keras_tuner.Objective("val_loss", "min")
    arguments = {"batch_size": 8} | arguments
    return Trainer(hypermodel, dataset, objective, features=features, **arguments)


def train(trainer, *, seed=3, epochs=3, **arguments):
    logs = {}
    hyperparameters = arguments.pop("hyperparameters", keras_tuner.HyperParameters())
    execution = Execution(hyperparameters, seed, 0, epochs, **arguments)
    result = trainer.train(execution, lambda epoch, values: logs.update({epoch: dict(values)}))
    return result, logs


@functools.cache
def trained_small():
    """Train `Small` without features, once for all tests; return also its trainer."""
    whole = make_trainer(Small())
    return whole, *train(whole)


def assert_same_training(hypermodel, features, dataset=DATASET, *, rel=1e-4, **arguments):
    """Check that a training on features has the losses and the weights of one of the whole."""
    if type(hypermodel) is Small and hypermodel.seed == 1 and dataset is DATASET and not arguments:
        whole, expected, expected_logs = trained_small()
    else:
        whole = make_trainer(hypermodel, dataset=dataset, **arguments)
        expected, expected_logs = train(whole)
    reusing = make_trainer(hypermodel, features, dataset, **arguments)
    result, logs = train(reusing)
    assert list(logs) == list(expected_logs)
    for epoch in logs:
        assert logs[epoch] == pytest.approx(expected_logs[epoch], rel=rel, abs=1e-5)
    assert result.best_epoch == expected.best_epoch
    models = [
        trainer.restore(keras_tuner.HyperParameters(), trained.weights, seed=5)
        for trainer, trained in ((whole, expected), (reusing, result))
    ]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    return result


@pytest.mark.parametrize(
    ("name", "nested"),
    [
        ("MobileNet", True),
        pytest.param("InceptionV3", False, marks=pytest.mark.thorough),
        pytest.param("MobileNetV2", True, marks=pytest.mark.thorough),
        pytest.param("MobileNetV2", False, marks=pytest.mark.thorough),
        pytest.param("EfficientNetB0", True, marks=pytest.mark.thorough),
    ],
)
def test_same_losses_and_weights_on_a_backbone(name, nested, make):
    features, told, reasons = make()
    hypermodel = OnBackbone(shared(name), nested=nested)
    result = assert_same_training(hypermodel, features)
    assert reasons == []
    assert sum(told) == len(DATASET.train) + len(DATASET.validation)
    assert len(result.weights.model) < 12  # the head's: the backbone's are kept once


@pytest.mark.thorough
def test_our_own_hypermodel_without_the_dropout_of_its_backbone(make):
    features, told, reasons = make()
    hypermodel = Transfer(dataset=DATASET, backbone="EfficientNetB0", weights=None, pooling="avg")
    assert_same_training(hypermodel, features)
    assert reasons == []
    assert sum(told) > 0


class Small(keras_tuner.HyperModel):
    """A head on a small frozen network that all models share."""

    def __init__(self, seed=1, **arguments):
        super().__init__()
        self.seed = seed
        self.arguments = arguments
        keras.utils.set_random_seed(seed)
        inputs = keras.Input(SHAPE)
        hidden = layers.Conv2D(4, 3, strides=4, activation="relu")(
            layers.Rescaling(1 / 255)(inputs)
        )
        self.network = keras.Model(inputs, layers.GlobalAveragePooling2D()(hidden))
        self.network.trainable = False

    def build(self, hp):
        inputs = keras.Input(SHAPE)
        return compiled(inputs, self.network(inputs), **self.arguments)


AVERAGED = functools.partial(keras.optimizers.Adam, use_ema=True)


def squared(y, p):
    return keras.losses.sparse_categorical_crossentropy(y, p) ** 2


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({}, id="adam", marks=pytest.mark.thorough),  # as where `Small` is trained
        pytest.param({"optimizer": keras.optimizers.SGD}, id="sgd", marks=pytest.mark.thorough),
        pytest.param({"optimizer": AVERAGED}, id="averaged", marks=pytest.mark.thorough),
        pytest.param({"loss": squared}, id="own loss"),
        pytest.param({"run_eagerly": True}, id="eagerly", marks=pytest.mark.thorough),
    ],
)
def test_same_losses_and_weights_however_it_is_compiled(arguments, make):
    class Compiled(Small):
        def build(self, hp):
            made = {k: v() if k == "optimizer" else v for k, v in arguments.items()}
            return compiled(inputs := keras.Input(SHAPE), self.network(inputs), **made)

    features, told, _ = make()
    assert_same_training(Compiled(), features)
    assert sum(told) > 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    "precision", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.thorough)]
)
def test_features_of_every_precision(precision, make):
    features, told, reasons = make()
    assert_same_training(Small(), features, rel=0.05, precision=precision)
    assert (sum(told) > 0, reasons) == (True, [])


def test_computed_once_for_trials_searches_and_retraining(make):
    features, told, _ = make()
    trainer = make_trainer(Small(), features)
    rows = len(DATASET.train) + len(DATASET.validation)
    train(trainer)
    train(trainer, seed=4)
    model = trainer.retrain(keras_tuner.HyperParameters(), epochs=2, seed=1)
    assert sum(told) == rows
    assert model.predict(DATASET.test.x, verbose=0).shape == (6, 3)
    later, told, _ = make()
    train(make_trainer(Small(), later))  # other objects, the same weights and configuration
    assert sum(told) == 0


@pytest.mark.thorough
def test_retraining_on_features_is_retraining_the_whole(make):
    features, _, _ = make()
    models = [
        make_trainer(Small(), given).retrain(keras_tuner.HyperParameters(), epochs=3, seed=2)
        for given in (None, features)
    ]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.sampled("dataset")
@pytest.mark.parametrize(
    "other", ["weights", "dataset", pytest.param("configuration", marks=pytest.mark.thorough)]
)
def test_never_those_of_another(other, make):
    features, told, _ = make()
    train(make_trainer(Small(), features))
    dataset = images(seed=1) if other == "dataset" else DATASET
    hypermodel = Small(seed=2 if other == "weights" else 1)
    if other == "configuration":
        hypermodel.network.layers[2].activation = keras.activations.tanh
    again, told, _ = make(dataset)
    assert_same_training(hypermodel, again, dataset)
    assert sum(told) == len(dataset.train) + len(dataset.validation)


def test_weights_that_change_between_trials_are_noticed(make):
    """A hypermodel may train the network that its models share, in some trials."""
    features, told, _ = make()
    hypermodel = Small()
    trainer = make_trainer(hypermodel, features)
    before, _ = train(trainer)
    kernel = hypermodel.network.layers[2].kernel
    original = kernel.numpy()
    kernel.assign(original + 0.1)
    after, _ = train(trainer)
    assert before.score != after.score
    assert sum(told) == 2 * (len(DATASET.train) + len(DATASET.validation))
    trainer.restore(keras_tuner.HyperParameters(), before.weights, seed=1)
    np.testing.assert_array_equal(kernel.numpy(), original)


def test_from_the_disk_if_they_do_not_fit_the_memory(make):
    features, told, reasons = make(max_bytes=1)
    assert_same_training(Small(), features)
    trainer = make_trainer(Small(), features)
    train(trainer)
    trainer.retrain(keras_tuner.HyperParameters(), epochs=1, seed=1)
    part = find_frozen_part(trainer.build(keras_tuner.HyperParameters(), 1))
    assert isinstance(features.of(part, DATASET.train).x, np.memmap)
    assert (sum(told), reasons) == (34, [])


def test_neither_memory_nor_disk(make):
    features, told, reasons = make(max_bytes=1, disk_bytes=1)
    assert_same_training(Small(), features)
    assert told == []
    assert len(reasons) == 1
    assert "features.max_memory_mb" in reasons[0]


def test_in_memory_alone_if_the_disk_may_take_nothing(make, tmp_path):
    features, told, _ = make(disk_bytes=0)
    train(make_trainer(Small(), features))
    train(make_trainer(Small(), features))
    assert sum(told) == 34
    assert not (tmp_path / "features").exists()


def test_half_precision_takes_half_the_space(make):
    features, _, _ = make(half_precision=True)
    _, _, expected = trained_small()
    _, logs = train(make_trainer(Small(), features))
    for epoch in expected:
        assert logs[epoch] == pytest.approx(expected[epoch], rel=0.01)
    part = find_frozen_part(make_trainer(Small()).build(keras_tuner.HyperParameters(), 1))
    assert features.of(part, DATASET.train).x.dtype == np.float16


def test_a_preprocessing_is_not_written(make, tmp_path):
    class Scaled(keras_tuner.HyperModel):
        def build(self, hp):
            inputs = keras.Input(SHAPE)
            return compiled(inputs, layers.Flatten()(layers.Rescaling(1 / 255)(inputs)))

    features, told, reasons = make()
    result = assert_same_training(Scaled(), features)
    assert result.weights.frozen is not None
    assert (told, reasons) == ([], [])
    assert not (tmp_path / "features").exists()


def test_augmentation_says_why_once(make):
    class Augmented(Small):
        def build(self, hp):
            inputs = keras.Input(SHAPE)
            return compiled(inputs, self.network(layers.RandomFlip("horizontal")(inputs)))

    features, told, reasons = make()
    assert_same_training(Augmented(), features)
    train(make_trainer(Augmented(), features))
    assert told == []
    assert len(reasons) == 1
    assert "RandomFlip" in reasons[0]


def test_a_fit_of_its_own_says_why(make):
    class Own(Small):
        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, **kwargs)

    features, told, reasons = make()
    train(make_trainer(Own(), features))
    assert (told, reasons) == ([], ["its hypermodel has a fit of its own"])


class Mixing(Small):
    """A frozen part after which an operation lets the examples of a batch know of one another."""

    def __init__(self, mixed):
        super().__init__()
        self.mixed = mixed

    def build(self, hp):
        inputs = keras.Input(SHAPE)
        return compiled(inputs, self.mixed(self.network(inputs)))


MIXED = {
    "the mean": lambda x: x - keras.ops.mean(x, axis=0, keepdims=True) * 10,
    "those before": lambda x: keras.ops.cumsum(x, axis=0),
    "those after": lambda x: keras.ops.flip(keras.ops.cumsum(keras.ops.flip(x, 0), 0), 0),
}


@pytest.mark.parametrize(
    "mixed",
    [
        "the mean",
        *(
            pytest.param(name, marks=pytest.mark.thorough)
            for name in ("those before", "those after")
        ),
    ],
)
def test_layers_that_mix_the_examples_of_a_batch_end_it(make, mixed):
    features, _, reasons = make()
    assert_same_training(Mixing(MIXED[mixed]), features)
    assert reasons == []


@pytest.mark.parametrize(
    "mixed",
    [
        "those before",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("the mean", "those after")),
    ],
)
def test_features_of_what_is_wrongly_thought_to_keep_examples_apart(make, mixed, monkeypatch):
    monkeypatch.setattr(frozen, "mixes_examples", lambda operation: False)
    features, _, reasons = make()
    assert_same_training(Mixing(MIXED[mixed]), features)
    assert reasons == ["its frozen layers mix the examples of a batch"]


def test_callbacks_see_the_whole_model(make, tmp_path):
    seen = []

    class Looking(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            predicted = self.model.predict(DATASET.validation.x, verbose=0)
            chosen = predicted[np.arange(len(predicted)), DATASET.validation.y]
            seen.append((-np.log(chosen).mean(), logs["val_loss"]))

    def callbacks():
        path = tmp_path / "model.keras"
        stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=0, min_delta=1e9)
        bar = keras.callbacks.ProgbarLogger()
        return [Looking(), keras.callbacks.ModelCheckpoint(path), bar, stop]

    features, _, _ = make()
    _, logs = train(make_trainer(Small(), features, callbacks=callbacks), epochs=9)
    assert len(logs) == 2  # it was stopped
    for received, expected in seen:
        assert received == pytest.approx(expected, rel=1e-4)
    saved = keras.saving.load_model(tmp_path / "model.keras")
    assert saved.evaluate(DATASET.validation.x, DATASET.validation.y, verbose=0)[0] == (
        pytest.approx(logs[1]["val_loss"], rel=1e-4)
    )


def test_a_callback_may_stop_within_an_epoch(make):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    features, _, _ = make()
    result, logs = train(make_trainer(Small(), features, callbacks=lambda: [Stop()]))
    assert len(logs) == 1
    assert int(result.weights.optimizer[0]) == 1


def test_the_frozen_weights_are_on_the_disk_once(make, tmp_path):
    features, _, _ = make()
    trainer = make_trainer(Small(), features)
    paths = [tmp_path / "trials" / f"000{trial}" / "weights-0.npz" for trial in range(2)]
    for seed, path in enumerate(paths):
        result, _ = train(trainer, seed=seed)
        result.save(path, seed)
    (one,), (other,) = (list(path.parent.glob("frozen-*.npz")) for path in paths)
    assert one.samefile(other)
    for parent in paths[0].parent.iterdir():
        parent.unlink()
    loaded = TrainingResult.load(paths[1])
    model = trainer.restore(keras_tuner.HyperParameters(), loaded.weights, seed=0)
    (loss, _) = model.evaluate(DATASET.validation.x, DATASET.validation.y, verbose=0)
    assert loss == pytest.approx(loaded.score, rel=1e-4)


def test_frozen_weights_that_every_model_draws_anew_come_back(make, tmp_path):
    class Fresh(Small):
        def build(self, hp):
            inputs = keras.Input(SHAPE)
            hidden = layers.Conv2D(4, 3, strides=4, trainable=False)(inputs / 255)
            return compiled(inputs, layers.GlobalAveragePooling2D()(hidden))

    features, _, _ = make()
    trainer = make_trainer(Fresh(), features)
    result, _ = train(trainer, seed=1)
    result.save(tmp_path / "0000" / "weights-0.npz", 1)
    weights = TrainingResult.load(tmp_path / "0000" / "weights-0.npz").weights
    for with_ in (trainer, make_trainer(Fresh())):  # with and without reuse
        promoted = with_.restore(keras_tuner.HyperParameters(), weights, seed=2)
        (loss, _) = promoted.evaluate(DATASET.validation.x, DATASET.validation.y, verbose=0)
        assert loss == pytest.approx(result.score, rel=1e-4)


def test_a_training_goes_on_with_and_without_reuse(make):
    features, _, _ = make()
    whole, reusing = make_trainer(Small()), make_trainer(Small(), features)
    scores = []
    for first, second in ((whole, reusing), (reusing, whole), (whole, whole)):
        weights = train(first, epochs=2)[0].weights
        execution = Execution(keras_tuner.HyperParameters(), 9, 2, 4, weights=weights)
        scores.append(second.train(execution, lambda epoch, logs: None).score)
    assert scores[0] == pytest.approx(scores[2], rel=1e-4)
    assert scores[1] == pytest.approx(scores[2], rel=1e-4)


REUSED = (
    "-m --config-dir conf dataset=mine verbose=1 "
    "strategy=random,grid strategy.max_trials=1 training.epochs=1"
)
LIGHT = "model._target_=tests.frozen_models.on_frozen_layer"
TRANSFER = (
    "model=transfer model.backbone=small.keras model.weights=null model.preprocessing=unit "
    "model.seed=0 model.cut_layer=features model.pooling=avg"
)


def write_images_and_backbone(folder):
    """Write the dataset and the network that `REUSED` and `TRANSFER` name."""
    (folder / "conf/dataset").mkdir(parents=True)
    (folder / "conf/dataset/mine.yaml").write_text("_target_: tests.frozen_models.images\n")
    inputs = keras.Input((75, 75, 3))
    outputs = keras.layers.Conv2D(4, 3, strides=2, name="features")(inputs)
    keras.Model(inputs, outputs).save(folder / "small.keras")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "model",
    [
        pytest.param(LIGHT, id="light"),
        pytest.param(TRANSFER, id="transfer", marks=pytest.mark.thorough),
    ],
)
def test_the_strategies_of_a_sweep_and_later_ones_share_them(model, command, tmp_path, store):
    write_images_and_backbone(tmp_path)
    ended = command(f"{REUSED} {model}")
    assert (ended.code, ended.err) == (0, "")
    lines = [line for line in ended.out.splitlines() if line.startswith("features of")]
    assert lines == [f"features of {n} examples computed, to be reused" for n in (10, 24)]
    again = command(f"{REUSED} {model} seed=1 strategy=random")
    assert (again.code, again.err) == (0, "")
    assert "features of" not in again.out


@pytest.mark.thorough
def test_whoever_wants_none_gets_none(command, tmp_path, store):
    write_images_and_backbone(tmp_path)
    without = command(f"{REUSED} {TRANSFER} strategy=random features.reuse=false storage=elsewhere")
    assert (without.code, without.err) == (0, "")
    assert "features of" not in without.out
    assert not (tmp_path / "elsewhere/features").exists()


@pytest.mark.thorough
def test_a_line_says_why_they_are_not_reused(command, tmp_path, store):
    (tmp_path / "conf/dataset").mkdir(parents=True)
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/dataset/mine.yaml").write_text("_target_: tests.frozen_models.images\n")
    (tmp_path / "conf/model/mine.yaml").write_text("_target_: mine.build\n")
    (tmp_path / "mine.py").write_text(
        """
import keras
from tests.frozen_models import compiled
from keras import layers


def build(hp):
    inputs = keras.Input((75, 75, 3))
    hidden = layers.Flatten()(layers.RandomFlip()(inputs))
    hidden = layers.Dense(2, trainable=False)(hidden)
    return compiled(inputs, hidden, optimizer="sgd", metrics=None)
"""
    )
    ended = command(
        "--config-dir conf dataset=mine model=mine training.epochs=1 strategy.max_trials=2"
    )
    assert (ended.code, ended.err) == (0, "")
    (line,) = (line for line in ended.out.splitlines() if "not reused" in line)
    assert line.startswith("features of frozen layers are not reused: layer 'random_flip'")
