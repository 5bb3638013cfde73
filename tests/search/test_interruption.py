"""The first signal waits, the second does not."""

import os
import signal
import threading

import pytest

from pipeline.search.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_waits_and_the_second_interrupts(number):
    interruption = Interruption()
    before = signal.getsignal(number)
    with interruption.awaited():
        assert not interruption.requested()
        os.kill(os.getpid(), number)
        assert interruption.requested()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interruption = Interruption()
        with interruption.awaited():
            os.kill(os.getpid(), signal.SIGINT)
            assert not interruption.requested()
            os.kill(os.getpid(), signal.SIGTERM)
            assert interruption.requested()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_changes_nothing():
    seen = []

    def run():
        with Interruption().awaited():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
