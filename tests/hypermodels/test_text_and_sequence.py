"""The hypermodels for texts and sequences: what they build, and what that learns."""

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.datasets import Dataset, Split
from pipeline.frozen.part import find_frozen_part
from pipeline.hypermodels import CNN, MLP, Sequence, Text
from pipeline.preprocessing import Standardization, TextEncoding, WindowScaling
from pipeline.training.additive import is_additive

TEXT_ENCODERS = ["pooling", "convolution", "gru", "transformer"]
SEQUENCE_ENCODERS = ["gru", "lstm", "convolution", "dense"]


def some_slow(encoders):
    """Recurrent ones and attention take seconds to be traced."""
    slow = ("gru", "lstm", "transformer")
    return [pytest.param(e, marks=pytest.mark.thorough) if e in slow else e for e in encoders]


def texts(rows=64, length=6):
    """Texts with a class that one of their words tells."""
    random = np.random.default_rng(0)
    fillers = np.array(["and", "so", "it", "was"])
    y = np.arange(rows) % 2
    words = [[*random.choice(fillers, length - 1), "good" if label else "bad"] for label in y]
    x = np.array([" ".join(random.permutation(some)) for some in words], dtype=object)
    kind = {"max_tokens": 50, "length": None, "standardize": None, "split": "whitespace"}
    split = Split(x, y)
    return Dataset(
        "reviews",
        "classification",
        split,
        split,
        split,
        ("bad", "good"),
        "test",
        TextEncoding.fit(x, **kind),
    )


def sequences(y_shape=(2,), rows=64, steps=12):
    """Sequences whose targets are a step near their end, times 1, 2, ..."""
    x = np.random.default_rng(0).normal(5, 3, (rows, steps, 2)).astype(np.float32)
    factors = np.arange(1, np.prod(y_shape, dtype=int) + 1).reshape(y_shape)
    y = (x[:, -2, 0].reshape(-1, *[1] * len(y_shape)) * factors).astype(np.float32)
    split = Split(x, y)
    return Dataset("hours", "regression", split, split, split, (), "test", Standardization.fit(x))


def build(hypermodel, **values):
    hp = keras_tuner.HyperParameters()
    hp.values.update(values)
    return hypermodel.build(hp)


def space_of(hypermodel):
    hp = keras_tuner.HyperParameters()
    hypermodel.build(hp)
    return {item.name: item.get_config() for item in hp.space}


def train(model, dataset, epochs):
    model.jit_compile = False  # which takes longer than these few steps
    return model.fit(dataset.train.x, dataset.train.y, batch_size=16, epochs=epochs, verbose=0)


def test_their_spaces():
    names = ["encoder", "layers", "units", "dropout", "learning_rate"]
    for hypermodel, encoders in (
        (Text(dataset=texts()), TEXT_ENCODERS),
        (Sequence(dataset=sequences()), SEQUENCE_ENCODERS),
    ):
        space = space_of(hypermodel)
        assert list(space) == names
        assert space["encoder"]["values"] == encoders


@pytest.mark.sampled("pooling")
@pytest.mark.parametrize("encoder", some_slow(TEXT_ENCODERS))
def test_every_encoder_learns_a_word(encoder, tmp_path):
    keras.utils.set_random_seed(0)
    dataset = texts()
    values = {"encoder": encoder, "units": 16, "learning_rate": 0.01, "dropout": 0.0}
    model = build(Text(dataset=dataset), **values)
    assert train(model, dataset, 8).history["accuracy"][-1] == 1
    raw = np.array(["bad and so", "a good one", "", "what?"], dtype=object)
    predicted = np.asarray(model(keras.ops.convert_to_tensor(raw)))  # untraced, as below
    assert predicted[:2].argmax(axis=1).tolist() == [0, 1]
    assert np.isfinite(predicted).all()
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(reloaded(keras.ops.convert_to_tensor(raw)), predicted, rtol=1e-5)


@pytest.mark.parametrize("encoder", ["pooling", "gru", "transformer"])
@pytest.mark.parametrize("layers", [1, 2])
def test_what_fills_up_a_text_says_nothing(encoder, layers):
    """A text is the same in an encoding of another length."""
    dataset = texts()
    short = build(Text(dataset=dataset), encoder=encoder, layers=layers, units=16)
    wide = TextEncoding(dataset.preprocessing.vocabulary, 20, None, "whitespace")
    longer = build(
        Text(dataset=Dataset(**{**vars_of(dataset), "preprocessing": wide})),
        encoder=encoder,
        layers=layers,
        units=16,
    )
    for one, other in zip(short.weights, longer.weights, strict=True):
        if one.shape == other.shape:
            other.assign(one)
        else:  # of the places of words
            other.assign(np.concatenate([one, other[one.shape[0] :]]))
    x = keras.ops.convert_to_tensor(["so good", "bad"])
    np.testing.assert_allclose(short(x), longer(x), rtol=1e-4)


def vars_of(dataset):
    names = ("name", "task", "train", "validation", "test", "classes", "source")
    return {name: getattr(dataset, name) for name in names}


def test_a_transformer_knows_the_order_of_words_and_an_average_does_not():
    dataset = texts()
    x = keras.ops.convert_to_tensor(["good bad", "bad good"])
    for encoder, same in {"pooling": True, "transformer": False}.items():
        one, other = build(Text(dataset=dataset), encoder=encoder)(x)
        assert np.allclose(one, other, rtol=1e-5) == same


@pytest.mark.parametrize("encoder", TEXT_ENCODERS)
def test_words_are_looked_up_once_in_a_search(encoder):
    """What is done to texts has no weights; what follows is trained on numbers."""
    model = build(Text(dataset=texts()), encoder=encoder)
    part = find_frozen_part(model)
    assert part is not None
    assert {tensor.dtype for tensor in part.head.inputs} <= {"int32", "bool"}  # and a mask
    assert "TextVectorization" not in {type(layer).__name__ for layer in part.head.layers}
    part.head.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    assert is_additive(part.head)


@pytest.mark.sampled("convolution")
@pytest.mark.parametrize("encoder", some_slow(SEQUENCE_ENCODERS))
def test_every_encoder_learns_a_step(encoder):
    keras.utils.set_random_seed(0)
    dataset = sequences()
    model = build(Sequence(dataset=dataset), encoder=encoder, units=32, learning_rate=0.01)
    assert model.output.shape == (None, 2)
    assert train(model, dataset, 20).history["r2"][-1] > 0.8


@pytest.mark.parametrize("y_shape", [(), (1,), (3,), (3, 2)])
def test_targets_of_any_number_of_steps(y_shape, tmp_path):
    dataset = sequences(y_shape)
    model = build(Sequence(dataset=dataset))
    assert model.output.shape == (None, *(y_shape or (1,)))
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    x = dataset.test.x
    np.testing.assert_allclose(reloaded(x), model(x), rtol=1e-5)


def test_several_targets_of_several_steps_start_at_their_means():
    dataset = sequences((3, 2))
    model = build(Sequence(dataset=dataset))
    for weight in model.trainable_weights:
        weight.assign(keras.ops.zeros_like(weight))
    expected = np.broadcast_to(dataset.train.y.mean(axis=0), dataset.test.y.shape)
    np.testing.assert_allclose(model(dataset.test.x), expected, rtol=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 7, 30])
@pytest.mark.parametrize("layers", [1, 2])
def test_convolutions_see_all_steps(steps, layers):
    dataset = sequences(rows=4, steps=max(steps, 2))
    x = dataset.train.x[:, :steps]
    short = Dataset(
        **{
            **vars_of(dataset),
            **{n: Split(x, dataset.train.y) for n in ("train", "validation", "test")},
        },
        preprocessing=Standardization.fit(x),
    )
    model = build(Sequence(dataset=short), encoder="convolution", layers=layers, units=32)
    changed = x.copy()
    changed[:, 0] += 100
    assert not np.allclose(model(x), model(changed))


def rising(y_steps=2, targets=1):
    """Windows of a line, tested where it is higher than ever in training."""
    rows = np.stack([np.arange(60), -3 * np.arange(60), np.ones(60)], axis=-1).astype(np.float32)
    starts = np.arange(60 - 6 - y_steps)
    x = np.stack([rows[s : s + 6] for s in starts])
    y = np.stack([rows[s + 6 : s + 6 + y_steps, :targets] for s in starts])
    y = y if targets > 1 else y[..., 0]
    train, test = Split(x[:20], y[:20]), Split(x[-10:], y[-10:])
    scaling = WindowScaling(Standardization.fit(x[:20]), tuple(range(targets)))
    return Dataset("line", "regression", train, test, test, (), "test", scaling)


@pytest.mark.parametrize("targets", [1, 2])
def test_a_level_that_was_never_trained_can_be_predicted(targets):
    """With all weights 0 the targets go on as they did on the average in training."""
    dataset = rising(targets=targets)
    model = build(Sequence(dataset=dataset), relative=True)
    for weight in model.trainable_weights:
        weight.assign(keras.ops.zeros_like(weight))
    np.testing.assert_allclose(model(dataset.test.x), dataset.test.y, rtol=1e-4)


def test_relative_steps_do_not_tell_their_level():
    dataset = rising()
    model = build(Sequence(dataset=dataset), relative=True)
    higher = dataset.test.x + np.array([1000, 0, 0], np.float32)
    np.testing.assert_allclose(model(higher), model(dataset.test.x) + 1000, rtol=1e-3)


def test_only_what_has_its_past_is_relative():
    assert "relative" not in space_of(Sequence(dataset=sequences()))
    assert list(space_of(Sequence(dataset=rising())))[-2:] == ["relative", "learning_rate"]


def test_sequences_have_classes_too():
    x = np.random.default_rng(0).normal(size=(12, 5, 1)).astype(np.float32)
    split = Split(x, np.arange(12) % 3)
    dataset = Dataset(
        "heart",
        "classification",
        split,
        split,
        split,
        ("a", "b", "c"),
        "test",
        Standardization.fit(x),
    )
    assert build(Sequence(dataset=dataset)).output.shape == (None, 3)


@pytest.mark.parametrize(
    ("hypermodel", "dataset", "sentence"),
    [
        (
            Text,
            sequences,
            "Text needs texts, with a TextEncoding, and the examples of the dataset "
            r"hours have the shape \(12, 2\): use model=sequence",
        ),
        (
            Sequence,
            texts,
            r"Sequence needs sequences \(steps, features\), and the examples of the "
            "dataset reviews are texts: use model=text",
        ),
        (MLP, texts, "MLP needs numbers, .* are texts: use model=text"),
        (CNN, texts, "CNN needs images .* are texts: use model=text"),
        (CNN, sequences, r"CNN needs images .* shape \(12, 2\): use model=sequence"),
    ],
)
def test_a_model_that_does_not_fit_is_told_with_one_that_does(hypermodel, dataset, sentence):
    with pytest.raises(ValueError, match=sentence):
        hypermodel(dataset=dataset())


def test_dense_layers_take_sequences():
    dataset = sequences()
    assert build(MLP(dataset=dataset)).output.shape == (None, 2)
