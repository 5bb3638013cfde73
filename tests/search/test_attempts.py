"""What is counted of attempts: which one comes next, its time, and failures in a row."""

from pipeline.search.attempts import Attempts, Earlier


def test_an_attempt_that_goes_on_has_the_time_of_all_its_processes():
    attempts = Attempts(Earlier({"0000": 1}, {"0000": 2.0}), [])
    assert attempts.number("0000") == 1
    assert attempts.spend("0000", 1.0) == 3.0
    attempts.note_failure("0000")
    assert attempts.number("0000") == 2
    assert attempts.spend("0000", 1.0) == 1.0  # another attempt
    assert attempts.spend("0001", 1.0) == 1.0


def test_only_trials_that_ended_fail_in_a_row():
    attempts = Attempts(Earlier(), ["FAILED", "COMPLETED", "FAILED"])
    assert attempts.failed_in_a_row == 1
    attempts.note_end("INVALID")  # tried again
    assert attempts.failed_in_a_row == 1
    attempts.note_end("FAILED")
    assert attempts.failed_in_a_row == 2
    attempts.note_end("COMPLETED")
    assert attempts.failed_in_a_row == 0
