"""What a trial leaves is collected, and what stays is not looked at again and again."""

import gc
import weakref

import pytest

from pipeline.search.garbage import GarbageCollection, looked_at_later
from tests.records import trial_end


class Circle:
    """Only the collector can free it."""

    def __init__(self):
        self.itself = self


@pytest.fixture
def collection():
    gc.unfreeze()
    with looked_at_later():
        yield GarbageCollection()


def test_what_a_trial_leaves_is_collected(collection):
    left = weakref.ref(Circle())
    collection.on_trial_end(trial_end())
    assert left() is None


def test_what_stays_is_out_of_sight_until_the_search_ends():
    gc.unfreeze()
    before = Circle()
    with looked_at_later():
        assert not any(item is before for item in gc.get_objects())
        stays = Circle()
        GarbageCollection().on_trial_end(trial_end())
        assert not any(item is stays for item in gc.get_objects())
    assert gc.get_freeze_count() == 0
    assert any(item is stays for item in gc.get_objects())


def test_what_a_search_left_is_collected_before_the_next():
    gc.unfreeze()
    with looked_at_later():
        left = weakref.ref(Circle())
        gc.freeze()  # as at the end of a trial
    with looked_at_later():
        assert left() is None


def test_what_stayed_for_a_while_is_collected_when_much_has_stayed(collection):
    stays = Circle()
    collection.on_trial_end(trial_end())
    left = weakref.ref(stays)
    del stays
    kept = []
    for _ in range(20):
        kept.append([Circle() for _ in range(3_000)])  # as many objects as a trained model's
        collection.on_trial_end(trial_end())
    assert left() is None
