"""What a trial leaves is collected, and what stays is not looked at again and again."""

import gc
import weakref

import pytest

from pipeline.journal.callbacks import SearchEnd, Status
from pipeline.search.garbage import GarbageCollection
from tests.records import search_begin, trial_end


class Circle:
    """Only the collector can free it."""

    def __init__(self):
        self.itself = self


@pytest.fixture
def collection():
    collection = GarbageCollection()
    collection.on_search_begin(search_begin())
    yield collection
    gc.unfreeze()


def test_what_a_trial_leaves_is_collected(collection):
    left = weakref.ref(Circle())
    collection.on_trial_end(trial_end())
    assert left() is None


def test_what_stays_is_out_of_sight_until_the_search_ends(collection):
    stays = Circle()
    collection.on_trial_end(trial_end())
    assert not any(item is stays for item in gc.get_objects())
    collection.on_search_end(SearchEnd(Status.COMPLETED, "0000", None, 0.0))
    assert gc.get_freeze_count() == 0
    assert any(item is stays for item in gc.get_objects())


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
