"""Streams: what is one, how many examples it has, and in which order they come."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.datasets import Dataset, Split, Stream
from pipeline.datasets.any_examples import PassCounter, examples_of
from pipeline.datasets.feed import Epochs
from pipeline.datasets.streams import Joined

COUNT, BATCH = 50, 16
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(COUNT, 4)).astype("float32")
Y = RANDOM.integers(0, 3, COUNT)
NUMBERED = np.arange(COUNT)
WEIGHTED = Split(X, Y, np.full(COUNT, 2.0))


class Batches(keras.utils.PyDataset):
    """Batches of arrays; it notes what Keras tells it."""

    def __init__(self, x=X, y=Y, **workers):
        super().__init__(**workers)
        self.x, self.y, self.ends = x, y, 0

    @property
    def num_batches(self):
        return -(-len(self.x) // BATCH)

    def __getitem__(self, index):
        rows = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.ends += 1


def one_by_one():
    yield from zip(X, Y, strict=True)


def in_batches():
    for start in range(0, COUNT, BATCH):
        yield X[start : start + BATCH], Y[start : start + BATCH]


def by_epoch(epoch, seed):
    for row in np.random.default_rng([seed, epoch]).permutation(COUNT):
        yield X[row], NUMBERED[row]


def tensors(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays)


class Loader:
    """What can be iterated again and again, such as another library's loader."""

    def __iter__(self):
        return in_batches()


KINDS = {
    "tf.data, one by one": lambda: tensors(X, Y),
    "tf.data, in batches": lambda: tensors(X, Y).batch(BATCH),
    "tf.data of a size that it does not know": lambda: tensors(X, Y).filter(lambda *_: True),
    "PyDataset": Batches,
    "a function, one by one": lambda: one_by_one,
    "a function, in batches": lambda: in_batches,
    "a loader": Loader,
}


def epochs_of(data, numbers=(0, 1, 2), *, seed=1, batch_size=BATCH):
    """Return the targets of epochs, as a training is fed them."""
    feed = examples_of(data).feed(batch_size, Epochs(seed, 0, 3))
    told = []
    for number in numbers:
        for callback in feed.callbacks:
            callback.on_epoch_begin(number)
        told.append(np.concatenate([y for _, y in feed.x]).tolist())
    return told


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_batches_of_arrays(kind):
    stream, arrays = Stream(KINDS[kind]()), examples_of(Split(X, Y))
    examples = examples_of(stream)
    assert (len(examples), examples.steps(BATCH)) == (COUNT, 4)
    received = list(examples.in_order(BATCH))
    for batch, expected in zip(received, arrays.in_order(BATCH), strict=True):
        assert all(np.array_equal(*pair) for pair in zip(batch, expected, strict=True))
    assert np.array_equal(stream.y, Y)
    few = stream.first(3)
    assert np.array_equal(few.x, X[:3])
    assert np.array_equal(few.y, Y[:3])
    assert np.array_equal(stream.first(40).x, X[:40])
    assert np.array_equal(examples.first(2)[0], X[:2])


def test_batches_that_are_padded_to_a_length_each():
    def words():
        for length in (3, 2, 4, 1, 1):
            yield np.full(length, 7), length

    of_any_length = (tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int64))
    sentences = tf.data.Dataset.from_generator(words, output_signature=of_any_length)
    stream = Stream(sentences.padded_batch(2))
    assert [block.x.shape for block in stream.blocks()] == [(2, 3), (2, 4), (1, 1)]
    assert stream.first(4).y.tolist() == [3, 2]  # those of the first length
    assert (len(stream), stream.y.tolist()) == (5, [3, 2, 4, 1, 1])


def test_targets_of_a_length_each_are_a_task_of_ones_own():
    def tagged():
        for length in (3, 2):
            yield np.ones((4, length, 2)), np.ones((4, length), int)

    parts = dict.fromkeys(("train", "validation", "test"), Stream(tagged, batched=True))
    with pytest.raises(ValueError, match=r"\(3,\) in one batch and \(2,\) in another: .*'custom'"):
        Dataset(name="tags", task="classification", classes=("a", "b"), source="tags", **parts)
    assert len(Dataset(name="tags", task="custom", classes=(), source="tags", **parts).train) == 8


@pytest.mark.parametrize(
    ("source", "batched"),
    [
        (tensors(X, Y), False),
        (tensors(X, Y).batch(BATCH), True),
        (tensors(X, Y).batch(BATCH, drop_remainder=True), True),
        (tensors({"a": X[:, 0], "b": X}), False),
        (tensors(X, np.eye(3)[Y]), False),
        (lambda: iter([(X, Y)]), True),
        (lambda: iter([(X[0], 1.5)]), False),
        (lambda: iter([{"a": np.zeros(3), "b": np.zeros((3, 2))}]), True),
    ],
)
def test_whether_elements_are_batches_is_told_from_their_shapes(source, batched):
    assert Stream(source).batched is batched


@pytest.mark.parametrize("source", [tensors(X), tensors(X, X), lambda: iter([X])])
def test_what_may_be_an_example_or_a_batch_must_be_said(source):
    with pytest.raises(ValueError, match=r"write Stream\(source, batched=True\) or batched=False"):
        Stream(source)
    assert Stream(source, batched=False).batched is False


def endless():
    return itertools.cycle(one_by_one())


ONCE = one_by_one()


class Endless(Batches):
    num_batches = None


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (one_by_one(), "a builtins.generator can be read once, .* give the function that makes it"),
        (iter(tensors(X, Y)), "can be read once"),
        (lambda: ONCE, "returned the same iterator again, which can be read once"),
        (lambda: 3, "returned a value of type int; it must return a generator"),
        (tensors(X, Y).repeat(), "never ends, as .repeat.. makes one, has no epochs"),
        (Endless(), "let its num_batches say how many batches an epoch has"),
        (tf.data.Dataset.from_tensors(tf.ragged.constant([[1], [2, 3]])), "use .to_tensor"),
        (lambda: iter([]), "gives no examples"),
        (lambda: iter([(1, 2, 3, 4)]), "received a tuple of 4"),
        (lambda: iter([(np.zeros(2), 1), (np.zeros(3), 1)]), r"shapes \(2,\) and \(3,\)"),
        ((X, Y), "a builtins.tuple is neither a Split nor a stream, which is a tf.data.Dataset"),
        (X, "a numpy.ndarray is neither"),
        (None, "a builtins.NoneType is neither"),
    ],
)
def test_what_cannot_be_read_again_and_again_is_refused(source, sentence):
    with pytest.raises(ValueError, match=sentence):
        Stream(source)


def test_sizes_that_are_wrong_are_refused():
    with pytest.raises(ValueError, match="size is 40, but the source has 50 examples"):
        Stream(tensors(X, Y), size=40)
    with pytest.raises(ValueError, match="size is 60, and the stream gave 50 examples"):
        list(Stream(one_by_one, size=60).blocks())
    with pytest.raises(ValueError, match="size must be an integer from 1, received 0"):
        Stream(one_by_one, size=0)
    with pytest.raises(ValueError, match="leave batched=False out"):
        Stream(Batches(), batched=False)


def test_a_generator_that_never_ends_ends_with_its_size():
    stream = Stream(endless, size=70)
    assert epochs_of(stream, [0]) == [[*Y, *Y[:20]]]


def test_examples_are_counted_once():
    passes = []

    def counted():
        passes.append(1)
        return one_by_one()

    stream = Stream(counted)
    before = len(passes)
    assert len(stream) == len(stream) == COUNT
    assert len(passes) == before + 1
    assert len(Stream(counted, size=COUNT)) == COUNT
    assert Stream(in_batches, size=COUNT).batches(1) == 4


@pytest.mark.parametrize(
    "stream",
    [
        Stream(tensors(X, NUMBERED), shuffle_buffer=20),
        Stream(lambda: zip(X, NUMBERED, strict=True), shuffle_buffer=COUNT),
        Stream(by_epoch),
        Stream(Batches(y=NUMBERED)),
    ],
    ids=["tf.data", "function", "function of the epoch", "PyDataset"],
)
def test_the_order_is_the_seeds_and_the_epochs(stream):
    tf.random.set_seed(1)
    whole = epochs_of(stream)
    assert [sorted(epoch) for epoch in whole] == [NUMBERED.tolist()] * 3
    assert len({tuple(epoch) for epoch in whole}) == 3
    tf.random.set_seed(2)  # that of another trial
    keras.utils.set_random_seed(2)
    assert epochs_of(stream, [2]) == [whole[2]]
    assert epochs_of(stream, seed=2) != whole


def test_the_order_of_a_source_can_be_left_to_it():
    for stream in (Stream(tensors(X, NUMBERED)), Stream(Batches(y=NUMBERED), shuffle_buffer=0)):
        assert epochs_of(stream) == [NUMBERED.tolist()] * 3


def test_a_training_that_does_not_tell_its_epochs_has_one_a_pass():
    batches = examples_of(Stream(by_epoch)).shuffled_once(BATCH, PassCounter(1), seed=1)
    passes = [np.concatenate([y for _, y in batches]).tolist() for _ in range(2)]
    assert passes == epochs_of(Stream(by_epoch), [1, 2])


def test_texts_and_numbers_are_those_of_arrays():
    x = {"word": np.array(["ä", "bc", "d"], object), "size": np.array([1.5, 2.5, 3.5])}
    rows = [({"word": w, "size": s}, 0) for w, s in zip(x["word"], x["size"], strict=True)]
    for source in (tensors(x, np.zeros(3, int)), lambda: iter(rows)):
        stream = Stream(source)
        few = stream.first(3)
        assert few.x["word"].tolist() == x["word"].tolist()
        assert few.x["size"].dtype == "float32"
        (batch, _) = next(iter(examples_of(stream).in_order(3)))
        assert [text.decode() for text in batch["word"].numpy()] == x["word"].tolist()
        assert batch["size"].dtype == "float32"


def test_a_function_must_give_one_dtype():
    mixed = Stream(lambda: iter([(X[0], 1), (X[1], 2), (X[2], 2.5)]))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="has the dtype float64, and the first"
    ):
        list(examples_of(mixed).in_order(3))


def dataset(**changes):
    given = {
        "name": "made",
        "task": "classification",
        "train": tensors(X, Y),
        "validation": Batches(),
        "test": in_batches,
        "classes": ("a", "b", "c"),
        "source": "made",
    }
    return Dataset(**(given | changes))


def test_a_dataset_makes_streams_of_what_can_be_one():
    made = dataset()
    assert all(isinstance(one, Stream) for one in (made.train, made.validation, made.test))
    assert made.input_shape == (4,)
    info = made.info()
    assert info["profile"]["rows"] == {"train": COUNT, "validation": COUNT, "test": COUNT}
    assert '"shape": [-1, 4]' in info["schema"]["mlflow_tensorspec"]["features"]
    assert made.notes == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train": one_by_one()}, "train: a builtins.generator can be read once"),
        ({"validation": (X, Y)}, "validation: a builtins.tuple is neither a Split nor a stream"),
        (
            {"test": tensors(X, np.array(["a", "b", "c"])[Y])},
            "test: .* indices of classes, not names",
        ),
        ({"test": tensors(X, Y + 1)}, "test: the targets must be class indices from 0 to 2"),
        ({"test": tensors(X[:, :2, None], Y)}, "train has x of numbers in 2 axes"),
        ({"train": lambda: zip(X, [*Y[:-1], 7], strict=True)}, "train: .* received 0 to 7"),
    ],
)
def test_a_dataset_refuses_streams_that_do_not_fit(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        dataset(**changes)


def test_what_stands_for_the_contents():
    first = dataset().digest
    assert dataset().digest == first
    changed = X.copy()
    changed[3] += 1
    assert dataset(train=tensors(changed, Y)).digest != first
    assert dataset(train=tensors(X[:-1], Y[:-1])).digest != first
    named = [dataset(train=Stream(tensors(x, Y), digest="1")) for x in (X, changed)]
    assert named[0].digest == named[1].digest != first
    assert dataset(train=Stream(tensors(X, Y), digest="2")).digest != named[0].digest


def test_what_comes_in_another_order_each_time_is_known_by_its_form():
    shuffled = tensors(X, Y).shuffle(COUNT)
    made = dataset(train=shuffled)
    assert made.digest == dataset(train=shuffled).digest
    (note,) = made.notes
    assert note.startswith("train gives its examples in another order, or others")
    assert dataset(train=Stream(shuffled, digest="2026-11")).notes == ()


@pytest.mark.parametrize(
    "train", [tensors(X, Y), tensors(X, Y).batch(BATCH), in_batches, Batches()]
)
def test_classes_count_as_they_are_wanted_to(train):
    expected = dataset(train=Split(X, Y), class_weight="balanced").train.sample_weight
    made = dataset(train=Stream(train, shuffle_buffer=0), class_weight="balanced")
    for batches in (made.train.blocks(), examples_of(made.train).in_order(BATCH)):
        weights = [getattr(batch, "sample_weight", batch[-1]) for batch in map(as_tuple, batches)]
        assert np.concatenate(weights) == pytest.approx(expected)
    assert made.train.first(5).sample_weight == pytest.approx(expected[:5])
    assert made.digest != dataset(train=train).digest


def as_tuple(batch):
    return (batch.x, batch.y, batch.sample_weight) if isinstance(batch, Split) else batch


@pytest.mark.parametrize(
    "pair",
    [
        (tensors(X, Y), by_epoch),
        (by_epoch, Batches()),
        (Batches(), Batches()),
        (Batches(), tensors(X, Y)),
        (Split(X, Y), tensors(X, Y)),
        (tensors(X, Y), WEIGHTED),
        (Batches(), WEIGHTED),
    ],
)
def test_training_and_validation_examples_together(pair):
    data = examples_of(Joined(*(one if isinstance(one, Split) else Stream(one) for one in pair)))
    assert (len(data), data.steps(BATCH)) == (2 * COUNT, 8)
    feed = data.feed(BATCH, Epochs(1, 0, 2))
    for callback in feed.callbacks:
        callback.on_epoch_begin(0)
    batches = list(feed.x)
    assert len(batches) == data.steps(BATCH)
    assert sum(len(batch[0]) for batch in batches) == 2 * COUNT
    total = sum(float(np.sum(batch[0])) for batch in batches)
    assert total == pytest.approx(2 * float(X.sum()), rel=1e-4)
    if pair[1] is WEIGHTED:
        assert np.sum([np.sum(batch[2]) for batch in batches]) == COUNT + 2 * COUNT


class OfStructures(Batches):
    def __getitem__(self, index):
        rows = slice(index * BATCH, (index + 1) * BATCH)
        return {"a": X[rows], "b": Y[rows]}, [Y[rows], X[rows]], 1.0 + Y[rows]


def test_structures_and_weights_are_those_of_arrays():
    arrays = ({"a": X, "b": Y}, (Y, X), 1.0 + Y)
    split = Split(arrays[0], list(arrays[1]), arrays[2])

    def one_by_one():
        for row in range(COUNT):
            yield {"a": X[row], "b": Y[row]}, [Y[row], X[row]], 1.0 + Y[row]

    for source in (tensors(*arrays), OfStructures(), one_by_one):
        received = examples_of(Stream(source)).in_order(BATCH)
        for batch, expected in zip(received, examples_of(split).in_order(BATCH), strict=True):
            pairs = zip(*map(keras.tree.flatten, (batch, expected)), strict=True)
            for one, other in pairs:
                assert one.dtype == other.dtype
                assert np.array_equal(one, other)
