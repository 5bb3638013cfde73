"""The order of the examples: all of them in every epoch, decided by seed and epoch."""

import itertools

import numpy as np
import pytest

from pipeline.datasets import Split
from pipeline.datasets.batches import Examples

COUNT = 10
SPLIT = Split(np.arange(COUNT, dtype=np.float64).reshape(-1, 1), np.arange(COUNT))


def epochs_of(split=SPLIT, batch_size=4, *, seed=1, initial_epoch=0, epochs=3):
    """Return the targets of each epoch, in order."""
    examples = Examples.of(split)
    dataset = examples.shuffled(batch_size, seed=seed, initial_epoch=initial_epoch, epochs=epochs)
    steps = examples.steps(batch_size)
    targets = [y.numpy().tolist() for _, y in dataset]
    assert len(targets) == steps * (epochs - initial_epoch)
    groups = [targets[i : i + steps] for i in range(0, len(targets), steps)]
    return [list(itertools.chain(*group)) for group in groups]


@pytest.mark.parametrize("batch_size", [1, 4, 5, 10, 99])
def test_every_epoch_has_every_example_once(batch_size):
    every = epochs_of(batch_size=batch_size)
    assert [sorted(epoch) for epoch in every] == [list(range(COUNT))] * 3
    assert len({tuple(epoch) for epoch in every}) == 3


def test_the_order_is_the_seeds_and_the_epochs():
    whole = epochs_of()
    assert epochs_of() == whole
    assert epochs_of(initial_epoch=2) == whole[2:]
    assert epochs_of(seed=2) != whole
    assert epochs_of(batch_size=3) == whole


def test_inputs_and_targets_stay_together_and_floats_have_keras_precision():
    x, y = next(iter(Examples.of(SPLIT).shuffled(4, seed=1, initial_epoch=0, epochs=1)))
    assert x.numpy()[:, 0].tolist() == y.numpy().tolist()
    assert x.dtype.name == "float32"
    assert y.dtype.name == "int64"


def test_tables_with_text():
    split = Split({"a": SPLIT.x, "city": np.array(list("abcdefghij"), object)}, SPLIT.y)
    x, y = next(iter(Examples.of(split).shuffled(10, seed=1, initial_epoch=0, epochs=1)))
    assert [text.decode() for text in x["city"].numpy()] == ["abcdefghij"[i] for i in y.numpy()]


@pytest.mark.parametrize("batch_size", [1, 4, 10, 99])
def test_batches_in_order_can_be_had_again(batch_size):
    examples = Examples.of(SPLIT)
    for _ in range(2):
        seen = [y.numpy().tolist() for _, y in examples.in_order(batch_size)]
        assert len(seen) == examples.steps(batch_size)
        assert list(itertools.chain(*seen)) == list(range(COUNT))


def test_what_is_mapped_from_the_disk_gives_the_same_batches(tmp_path):
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=SPLIT.x.shape)
    mapped[:] = SPLIT.x
    order = {"seed": 3, "initial_epoch": 1, "epochs": 3}
    several = Examples([mapped, mapped], SPLIT.y)
    for batch_size in (3, 99):
        expected = Examples.of(SPLIT)
        pairs = [
            (several.shuffled(batch_size, **order), expected.shuffled(batch_size, **order)),
            (several.in_order(batch_size), expected.in_order(batch_size)),
        ]
        for received, wanted in pairs:
            for ((x, again), y), (known, targets) in zip(received, wanted, strict=True):
                assert x.numpy().tolist() == again.numpy().tolist() == known.numpy().tolist()
                assert y.numpy().tolist() == targets.numpy().tolist()


def test_the_first_example_is_a_batch_of_one():
    x, y = Examples.of(SPLIT).rows(0, 1)
    assert (x.numpy().tolist(), y.numpy().tolist()) == ([[0.0]], [0])
