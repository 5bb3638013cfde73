import keras
import numpy as np
import pytest

from pipeline.datasets.words import frequent_words
from pipeline.preprocessing import TableEncoding


def text(*values):
    return np.array(values, dtype=object)


def encode(encoding, x):
    return keras.Model(*encoding.inputs()).predict(x, verbose=0)


NASTY = text(
    "Don't stop: the music, it's GREAT!!",
    "(great) [music] {the} <b>music</b> a-b a.b a/b a_b `x` ~y~ #z @w 100% $5 ^ & * + = | \\",
    "Ärger ärger ÄRGER naïve — “quoted” … 日本語 emoji 🙂",
    "tabs\tand\nlines\r\nand\x0bmore\x0cspaces  twice nbsp\u00a0here ideographic\u3000space",
    "",
    "  !!! ",
    "[UNK] unk",
)


def test_words_are_those_of_keras():
    layer = keras.layers.TextVectorization()
    layer.adapt(list(NASTY))
    assert {*frequent_words(NASTY, 1000)} == {*layer.get_vocabulary()[2:]}


def test_words_of_most_texts_come_first_and_those_of_all_are_left_out():
    texts = text("the a b b b", "the a c", "the b c", "the a d")
    assert frequent_words(texts, 1000) == ("a", "b", "c", "d")
    assert frequent_words(texts, 2) == ("a", "b")


def test_each_word_is_0_or_1():
    x = {"note": text("good good film", "bad film!", "")}
    encoding = TableEncoding.fit(x, text=["note"])
    assert encoding.words == {"note": ("film", "bad", "good")}
    assert encode(encoding, x).tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    later = {"note": text("Good, unseen", "", "GOOD bad\nbad")}
    assert encode(encoding, later).tolist() == [[0, 0, 1], [0, 0, 0], [0, 1, 1]]


@pytest.mark.parametrize("x", [text("", ""), text("!!", ""), text("same", "Same.")])
def test_a_text_without_telling_words_is_always_0(x):
    encoding = TableEncoding.fit({"note": x}, text=["note"])
    assert not encode(encoding, {"note": text("same", "", " ", "other")}).any()


def test_texts_stand_beside_other_columns():
    x = {"n": np.array([1, 3], np.float32), "note": text("a", "b"), "c": text("u", "v")}
    encoded = encode(TableEncoding.fit(x, text=["note"], max_tokens=1), x)
    assert encoded.tolist() == [[-1, 1, 0, 1], [1, 0, 1, 0]]


def test_words_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        inputs, features = TableEncoding.fit({"t": text("a", "b")}, text=["t"]).inputs()
        assert features.dtype == "float32"
        assert keras.Model(inputs, features).predict({"t": text("a")}, verbose=0).tolist() == [
            [1, 0]
        ]
    finally:
        keras.config.set_dtype_policy("float32")
