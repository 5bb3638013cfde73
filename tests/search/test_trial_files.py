"""Only the weights that can still matter stay on the disk."""

import pytest

from pipeline.search.trial_files import TrialFiles


def make(tmp_path, *trials, keep_best=2, direction="min"):
    files = TrialFiles(tmp_path, keep_best, direction)
    for trial in trials:
        for path in (files.weights(trial, 0), files.weights(trial, 1), files.checkpoint(trial, 1)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"0")
    return files


def kept(tmp_path):
    return sorted(folder.name for folder in (tmp_path / "trials").iterdir())


@pytest.mark.parametrize(("direction", "best"), [("min", ["1", "3"]), ("max", ["0", "2"])])
def test_the_best_are_kept(direction, best, tmp_path):
    files = make(tmp_path, *"0123", direction=direction)
    for trial, score in zip("0123", [0.9, 0.1, 0.8, 0.2], strict=True):
        files.add(trial, score)
        files.delete_others(set("0123"))
    assert kept(tmp_path) == ["0", "1", "2", "3"]
    files.delete_others([])
    assert kept(tmp_path) == best


def test_of_equal_scores_the_first_is_kept(tmp_path):
    files = make(tmp_path, *"012", keep_best=1)
    for trial in "120":
        files.add(trial, 0.5)
    files.delete_others([])
    assert kept(tmp_path) == ["0"]


def test_only_what_runs_keeps_its_checkpoint(tmp_path):
    files = make(tmp_path, *"01")
    files.add("0", 0.5)
    files.delete_others(["1"])
    assert not files.checkpoint("0", 1).exists()
    assert files.weights("0", 1).exists()
    assert files.checkpoint("1", 1).exists()


def test_there_may_be_nothing_to_delete(tmp_path):
    TrialFiles(tmp_path, 1, "min").delete_others([])
    assert not list(tmp_path.iterdir())
