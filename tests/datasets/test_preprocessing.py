import subprocess
import sys

import keras
import numpy as np
import pytest

from pipeline.preprocessing import ImageScaling, Standardization, TableEncoding


def text(*values):
    return np.array(values, dtype=object)


def numbers(*values):
    return np.array(values, dtype=np.float32)


def encode(preprocessing, x):
    return keras.Model(*preprocessing.inputs()).predict(x, verbose=0)


@pytest.fixture
def mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def test_pixels_are_scaled_to_one():
    x = np.array([0, 4, 16, 8], dtype=np.float32).reshape(1, 2, 2, 1)
    assert encode(ImageScaling((2, 2, 1), max_value=16.0), x).ravel().tolist() == [0, 0.25, 1, 0.5]


def test_features_are_standardised_by_the_training_examples():
    train = np.random.default_rng(0).normal(50, 3, (200, 4)).astype(np.float32)
    preprocessing = Standardization.fit(train)
    encoded = encode(preprocessing, train)
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(encoded.std(axis=0), 1, atol=1e-4)
    other = encode(preprocessing, train[:1] + 3)
    np.testing.assert_allclose(other, (train[:1] + 3 - train.mean(0)) / train.std(0), rtol=1e-4)


def test_tiny_large_and_constant_features_are_standardised():
    rng = np.random.default_rng(0)
    train = np.stack([rng.normal(0, 1e-12, 50), rng.normal(0, 1e12, 50), np.full(50, 0.1)], axis=-1)
    encoded = encode(Standardization.fit(train), train.astype(np.float32))
    np.testing.assert_allclose(encoded.std(axis=0), [1, 1, 0], atol=1e-4)
    assert not encoded[:, 2].any()


@pytest.mark.usefixtures("mixed_precision")
def test_large_numbers_survive_mixed_precision():
    train = np.array([[1e6], [3e6]], dtype=np.float32)
    assert encode(Standardization.fit(train), train).ravel().tolist() == [-1, 1]
    table = {"n": train[:, 0]}
    assert encode(TableEncoding.fit(table), table).ravel().tolist() == [-1, 1]


def test_missing_numbers_become_the_median_and_are_marked():
    train = {"full": numbers(1, 2, 3, 4), "gaps": numbers(10, np.nan, 20, 60)}
    encoded = encode(TableEncoding.fit(train), train)
    filled = np.array([10, 20, 20, 60])
    np.testing.assert_allclose(encoded[:, 1], (filled - filled.mean()) / filled.std(), rtol=1e-5)
    assert encoded[:, 2].tolist() == [0, 1, 0, 0]
    assert encoded.shape == (4, 3)  # `full` misses nothing and has no mark
    unforeseen = encode(TableEncoding.fit(train), {"full": numbers(np.nan), "gaps": numbers(20)})
    assert unforeseen[0, 0] == 0  # the median of `full` is its mean


def test_categories_are_one_hot_and_a_missing_one_is_a_category():
    train = {"c": text("red", "", "blue", "red")}
    encoding = TableEncoding.fit(train)
    assert encoding.vocabularies == {"c": ("", "blue", "red")}
    assert encode(encoding, train).tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_an_unseen_category_is_all_zeros():
    encoding = TableEncoding.fit({"c": text("red", "blue"), "n": numbers(0, 2)})
    x = {"c": text("green", "", "red"), "n": numbers(1, 1, 1)}
    assert encode(encoding, x).tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]


LATER = [np.nan, 0, 7, -5e6, 3e38, np.inf]


@pytest.mark.usefixtures("mixed_precision")
@pytest.mark.parametrize("constant", [0.0, 7.0, 0.1, 1e9])
def test_a_constant_feature_is_0_whatever_it_has_later(constant):
    train = np.stack([np.full(4, constant), [1, 2, 3, 4]], axis=-1).astype(np.float32)
    preprocessing = Standardization.fit(train)
    alone = Standardization.fit(train[:, 1:])
    later = np.array([[value, 3] for value in [constant, *LATER]], np.float32)
    for x in train, later:
        encoded = encode(preprocessing, x)
        assert encoded[:, 0].tolist() == [0] * len(x)
        np.testing.assert_array_equal(encoded[:, 1:], encode(alone, x[:, 1:]))


def test_a_feature_is_constant_if_its_float32_is():
    train = np.array([[1.0], [1 + 1e-12]])
    assert encode(Standardization.fit(train), numbers(1, 1.0001)[:, np.newaxis]).tolist() == [
        [0],
        [0],
    ]


@pytest.mark.parametrize(
    "train",
    [
        {"n": numbers(np.nan, np.nan)},
        {"n": numbers(5, 5)},
        {"c": text("", "")},
        {"c": text("red", "red")},
    ],
    ids=["no number", "one number", "no category", "one category"],
)
def test_a_constant_column_is_0_whatever_it_has_later(train):
    encoding = TableEncoding.fit(train)
    assert encode(encoding, train).tolist() == [[0], [0]]
    later = {"n": np.array([5, *LATER], np.float32), "c": text("red", "", "blue")}
    (column,) = train
    assert not encode(encoding, {column: later[column]}).any()


def test_a_column_of_one_number_with_gaps_keeps_its_mark():
    encoding = TableEncoding.fit({"n": numbers(5, np.nan, 5)})
    assert encode(encoding, {"n": numbers(5, np.nan, 9)}).tolist() == [[0, 0], [0, 1], [0, 0]]


def test_constant_columns_leave_the_others_as_they_are():
    ordinary = {"n": numbers(1, 2, 4), "gaps": numbers(3, np.nan, 7), "c": text("a", "b", "a")}
    constant = {"empty": numbers(*[np.nan] * 3), "one": numbers(8, 8, 8), "same": text(*"xxx")}
    encoded = encode(TableEncoding.fit(ordinary), ordinary)
    both = encode(TableEncoding.fit(constant | ordinary), constant | ordinary)
    # the numbers with the marks, then the categories
    assert not both[:, [0, 1, 5]].any()
    np.testing.assert_array_equal(both[:, [2, 3, 4, 6, 7]], encoded)


def test_constant_columns_are_saved_as_such(tmp_path):
    train = {"empty": numbers(np.nan, np.nan), "n": numbers(1, 2), "same": text("x", "x")}
    inputs, features = TableEncoding.fit(train).inputs()
    model = keras.Model(inputs, keras.layers.Dense(2)(features))
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    later = {"empty": numbers(3, np.nan), "n": numbers(5, np.nan), "same": text("y", "x")}
    predicted = model.predict(later, verbose=0)
    np.testing.assert_array_equal(reloaded.predict(later, verbose=0), predicted)
    known = train | {"n": later["n"]}
    np.testing.assert_array_equal(model.predict(known, verbose=0), predicted)


def test_without_constant_columns_nothing_is_added_to_a_model():
    rng = np.random.default_rng(0)
    inputs, features = Standardization.fit(rng.normal(size=(9, 2))).inputs()
    operations = [type(one).__name__ for one in keras.Model(inputs, features).operations]
    assert operations == ["InputLayer", "Subtract", "TrueDivide"]


def test_inputs_are_fresh_each_time():
    encoding = TableEncoding.fit({"c": text("red", "blue"), "n": numbers(0, 2)})
    models = [keras.Model(*encoding.inputs()) for _ in range(2)]
    assert models[0].inputs[0] is not models[1].inputs[0]


SERVE = """
import sys, keras, numpy as np
model = keras.models.load_model(sys.argv[1])
x = {
    "größe [cm], raw": np.array([1.5, np.nan, 7], np.float32),
    "kind": np.array(['a "quoted",\\nline', "[UNK]", "unseen"], object),
}
np.save(sys.argv[2], model.predict(x, verbose=0))
"""


def test_a_saved_model_serves_raw_rows_in_a_fresh_process(tmp_path):
    train = {
        "größe [cm], raw": numbers(1.5, np.nan, 4, 2),
        "kind": text('a "quoted",\nline', "[UNK]", "", "é"),
    }
    inputs, features = TableEncoding.fit(train).inputs()
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(features))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(train, np.array([0, 1, 0, 1]), verbose=0)
    model.save(tmp_path / "model.keras")
    subprocess.run(
        [sys.executable, "-c", SERVE, tmp_path / "model.keras", tmp_path / "served.npy"], check=True
    )
    rows = {
        "größe [cm], raw": numbers(1.5, np.nan, 7),
        "kind": text('a "quoted",\nline', "[UNK]", "unseen"),
    }
    served = np.load(tmp_path / "served.npy")
    np.testing.assert_allclose(served, model.predict(rows, verbose=0), rtol=1e-6)
    assert np.isfinite(served).all()


def test_a_reloaded_standardisation_is_exactly_the_same(tmp_path):
    train = np.random.default_rng(0).normal(1e3, 1e-3, (50, 5)).astype(np.float32)
    model = keras.Model(*Standardization.fit(train).inputs())
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(reloaded.predict(train, verbose=0), model.predict(train, verbose=0))
