import gzip

import numpy as np
import pytest

from tests.datasets.test_datasets import choice

SIZES = {"validation_size": 0.2, "test_size": 0.2, "seed": 0}
WORDS = {"good": "what a fine film", "bad": "a waste of time"}


@pytest.fixture
def reviews(tmp_path):
    """Five texts a class, one of them deeper in its folder."""
    for name, words in WORDS.items():
        for number in range(5):
            file = tmp_path / "reviews" / name / ("older" * (number == 4)) / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{words} {number}", encoding="utf-8")
    return tmp_path / "reviews"


@pytest.fixture
def messages(tmp_path):
    path = tmp_path / "messages.csv"
    rows = [
        f'"word{n % 3}, hello",{"yes" if n % 2 else "no"},{(n + 1) / 10},{n}' for n in range(20)
    ]
    path.write_text("\n".join(["words,kind,sure,number", *rows]))
    return path


def test_a_folder_of_texts_is_a_dataset(reviews):
    dataset = choice("text", path=str(reviews), **SIZES)
    assert (dataset.name, dataset.source) == ("reviews", str(reviews))
    assert (dataset.task, dataset.classes) == ("classification", ("bad", "good"))
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [6, 2, 2]
    assert dataset.input_shape == ()
    for split in (dataset.train, dataset.validation, dataset.test):
        for text, label in zip(split.x, split.y, strict=True):
            assert text.startswith(WORDS[dataset.classes[label]])


def test_the_vocabulary_is_of_the_training_part(reviews):
    dataset = choice("text", path=str(reviews), **SIZES)
    trained = {word for text in dataset.train.x for word in text.split()}
    assert set(dataset.preprocessing.vocabulary) == trained


def test_what_is_left_out_of_a_folder_is_told(reviews):
    (reviews / "README.txt").write_text("outside of a class")
    (reviews / "good" / "picture.png").write_bytes(b"")
    (reviews / "good" / ".hidden.txt").write_text("hidden")
    (note,) = [note for note in choice("text", path=str(reviews)).notes if "left out" in note]
    assert "2 files" in note
    assert "README.txt, good/picture.png" in note


def test_a_table_of_texts_is_a_dataset(messages):
    dataset = choice("text", path=str(messages), text="words", target="kind", **SIZES)
    assert (dataset.name, dataset.classes) == ("messages", ("no", "yes"))
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [12, 4, 4]
    assert set(dataset.train.x) <= {f"word{n}, hello" for n in range(3)}
    assert dataset.train.sample_weight is None


def test_weights_stay_with_their_texts(messages):
    columns = {"text": "number", "target": "kind", "weight": "sure"}
    dataset = choice("text", path=str(messages), **columns, **SIZES)
    for split in (dataset.train, dataset.validation, dataset.test):
        np.testing.assert_allclose(split.sample_weight, (split.x.astype(float) + 1) / 10, rtol=1e-6)
        assert np.array_equal(split.y, split.x.astype(int) % 2)


def test_numbers_are_a_regression(messages):
    columns = {"text": "words", "target": "sure"}
    dataset = choice("text", path=str(messages), **columns, task="regression", **SIZES)
    assert (dataset.task, dataset.classes) == ("regression", ())
    assert dataset.train.y.max() < 2


def test_several_labels_are_a_task_of_their_own(tmp_path):
    rows = [f"word{n % 3} hello,{n % 2},{int(n % 3 == 0)}" for n in range(20)]
    (tmp_path / "notes.csv").write_text("\n".join(["words,odd,third", *rows]))
    path = str(tmp_path / "notes.csv")
    dataset = choice("text", path=path, text="words", target=["odd", "third"], **SIZES)
    assert (dataset.task, dataset.classes) == ("multilabel", ("odd", "third"))
    assert dataset.train.y.shape == (12, 2)


def test_tabs_and_compression_are_told_by_the_name(messages):
    table = messages.read_text().replace('"', "").replace(", hello,", " hello\t")
    packed = messages.with_name("packed.tsv.gz")
    lines = [line.replace(",", "\t") for line in table.splitlines()]
    packed.write_bytes(gzip.compress("\n".join(lines).encode()))
    dataset = choice("text", path=str(packed), text="words", target="kind")
    assert dataset.name == "packed"
    assert set(dataset.preprocessing.vocabulary) == {"hello", "word0", "word1", "word2"}


def test_empty_texts_are_told(messages):
    messages.write_text(messages.read_text().replace('"word0, hello"', ""))
    dataset = choice("text", path=str(messages), text="words", target="kind")
    assert "7 of the texts are empty" in dataset.notes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "a table whose columns dataset.text and dataset.target name; received path="),
        (
            {"text": "word", "target": "kind"},
            "text 'word' is not a column of .*did you mean 'words'",
        ),
        ({"text": "words", "target": "kin"}, "target 'kin' is not a column of"),
        (
            {"text": "kind", "target": "kind"},
            r"must be columns of their own, received \['kind'\] twice",
        ),
        (
            {"text": "words", "target": "kind", "weight": "kind"},
            r"received \['kind'\] twice",
        ),
        (
            {"text": "kind", "target": "sure", "weight": "words"},
            "the weights in the column 'words' must be positive finite numbers",
        ),
        ({"text": "words", "target": "kind", "split": "x"}, "split must be one of"),
        ({"text": "words", "target": "kind", "test_size": 1}, "test_size must be a fraction"),
    ],
)
def test_wrong_tables_are_one_sentence(messages, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        choice("text", path=str(messages), **arguments)


def test_wrong_folders_are_one_sentence(reviews):
    with pytest.raises(
        ValueError, match=r"text=words, target=kind is for a table, and .* is a fol"
    ):
        choice("text", path=str(reviews), text="words", target="kind")
    (reviews / "bad" / "0.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ValueError, match=r"1 of the 10 files in .* UTF-8, .*: bad/0\.txt"):
        choice("text", path=str(reviews))
    (reviews / "empty").mkdir()
    with pytest.raises(ValueError, match=r"must hold \.txt files, found none in \['empty'\]"):
        choice("text", path=str(reviews))
    with pytest.raises(ValueError, match="at least two classes, found only 'older'"):
        choice("text", path=str(reviews / "good"))
    with pytest.raises(FileNotFoundError, match="no table at /absent"):
        choice("text", path="/absent", text="a", target="b")
