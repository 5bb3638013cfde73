import keras
import numpy as np
import pytest

from pipeline.preprocessing import TextEncoding

KIND = {"standardize": "lower_and_strip_punctuation", "split": "whitespace"}
TEXTS = ["The cat sat.", "the CAT ran away", "a dog"]


def text(*values):
    return np.array(values, dtype=object)


def fit(*texts, max_tokens=100, length=None, **kind):
    arguments = KIND | kind
    return TextEncoding.fit(text(*texts), max_tokens=max_tokens, length=length, **arguments)


def encode(encoding, *texts):
    inputs, words = encoding.inputs()
    return keras.Model(inputs, words)(keras.ops.convert_to_tensor(list(texts))).numpy().tolist()


def test_words_are_numbered_by_how_often_they_are():
    encoding = fit(*TEXTS)
    assert set(encoding.vocabulary[:2]) == {"the", "cat"}
    assert set(encoding.vocabulary) == {"the", "cat", "sat", "ran", "away", "a", "dog"}
    assert encoding.tokens == 9
    numbers = {word: number for number, word in enumerate(encoding.vocabulary, 2)}
    (found,) = encode(encoding, "A cat, THE dog!")
    assert found == [numbers[word] for word in ("a", "cat", "the", "dog")]


def test_unknown_words_are_1_and_short_texts_are_filled_up_with_0():
    encoding = fit(*TEXTS, length=4)
    dog = encoding.vocabulary.index("dog") + 2
    assert encode(encoding, "bird dog") == [[1, dog, 0, 0]]


def test_long_texts_are_cut():
    encoding = fit(*TEXTS, length=2)
    assert encode(encoding, "dog dog dog") == [[encoding.vocabulary.index("dog") + 2] * 2]


@pytest.mark.parametrize("empty", ["", "   ", "...!"])
def test_a_text_without_words_is_one_unknown_word(empty):
    assert encode(fit(*TEXTS, length=3), empty) == [[1, 0, 0]]


def test_the_most_frequent_words_are_known():
    encoding = fit(*TEXTS, max_tokens=4)
    assert set(encoding.vocabulary) == {"the", "cat"}
    assert encode(encoding, "the dog")[0][1] == 1


def test_the_length_is_that_of_nearly_all_texts():
    short = ["one two three"] * 98
    assert fit(*short, "word " * 50, "word " * 60).length == 3
    assert fit("word " * 300, "word").length == 256


def test_characters_are_words_where_a_language_has_no_spaces():
    encoding = fit("猫が好き", "犬が好き", split="character")
    assert encoding.length == 4
    assert encode(encoding, "鳥が")[0][0] == 1
    assert encode(encoding, "鳥が")[0][1] == encoding.vocabulary.index("が") + 2


def test_standardization_can_be_left_out():
    assert set(fit("Oh no!", standardize=None).vocabulary) == {"Oh", "no!"}


def test_keras_names_of_numbers_are_no_words():
    assert fit("[UNK] word", standardize=None).vocabulary == ("word",)


def test_texts_of_any_number_are_measured(monkeypatch):
    monkeypatch.setattr("pipeline.datasets.text_encoding._BATCH_SIZE", 2)
    assert fit(*TEXTS).vocabulary == fit(*TEXTS).vocabulary
    assert fit(*TEXTS).length == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"max_tokens": 2}, "max_tokens must be an integer >= 3, received 2"),
        ({"max_tokens": 1e4}, r"max_tokens must be an integer >= 3, received 10000\.0"),
        ({"length": 0}, "length must be an integer >= 1 or null, received 0"),
        ({"standardize": "upper"}, "strip_punctuation, null; received 'upper'"),
        ({"split": "comma"}, "split must be one of whitespace, character; received 'comma'"),
    ],
)
def test_wrong_arguments_are_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        fit(*TEXTS, **arguments)


def test_texts_without_any_word_are_told():
    with pytest.raises(ValueError, match="no text of the training part has a word"):
        fit("", "!!")
