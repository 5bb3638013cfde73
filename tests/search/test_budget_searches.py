"""Whole searches with a budget: how they end, what they say, and what continues them."""

import pytest

from pipeline.journal.history import FILE_NAME, decode, read

LINE = (
    "dataset=wine training.batch_size=64 hyperparameters.layers=1 tracking.registered_model=null "
    "strategy.max_trials=3 training.epochs=3 ~callbacks.early_stopping"
)


def search(folder):
    (found,) = folder.glob("wine-*")
    return found


def curves(folder):
    return {
        (attempt.begin.trial, one.epoch): one.logs
        for attempt in read(folder).attempts
        for one in attempt.epochs
    }


@pytest.mark.usefixtures("store")
def test_a_stopped_search_that_may_spend_more_is_the_uninterrupted_one(command, tmp_path):
    assert command(f"{LINE} storage=whole").code == 0
    line = f"{LINE} storage=parts budget.grace=stop"
    ended = command(f"{line} budget.epochs=5")
    assert (ended.code, ended.err) == (0, "")
    assert "budget.epochs=5 are trained; trial 0001 goes on with more" in ended.out
    folder = search(tmp_path / "parts")
    history = read(folder)
    assert [attempt.end.status for attempt in history.attempts] == ["COMPLETED", "INTERRUPTED"]
    assert (history.end.status, history.evaluation.trial) == ("COMPLETED", "0000")

    assert command(f"{line} budget.epochs=7").code == 0
    told = command(f"{line} budget.epochs=null")
    assert told.code == 0
    assert "Continuing" in told.out
    assert curves(folder) == curves(search(tmp_path / "whole"))
    best = [read(search(tmp_path / name)).evaluation for name in ("whole", "parts")]
    assert best[0].metrics == best[1].metrics
    records = [decode(line) for line in (folder / FILE_NAME).read_text().splitlines()]
    told = [record.limit for record in records if hasattr(record, "limit")]
    assert told == ["epochs", "epochs", None]


@pytest.mark.thorough
@pytest.mark.usefixtures("store")
def test_every_strategy_of_a_sweep_takes_as_many_trials(command, tmp_path):
    ended = command(
        "-m dataset=wine strategy=random,hyperband strategy.max_trials=9 budget.trials=2 "
        "hyperparameters.layers=1 training.epochs=3 tracking.registered_model=null"
    )
    assert ended.code == 0, ended.err
    assert ended.out.count("budget.trials=2 were run") == 2
    for folder in (tmp_path / "outputs/searches").glob("wine-*"):
        assert len(read(folder).attempts) == read(folder).begin.total_trials == 2


@pytest.mark.usefixtures("store")
def test_a_target_ends_a_search(command, tmp_path):
    ended = command(f"{LINE} budget.target=1000")
    assert ended.code == 0
    assert "trial 0000 has reached budget.target=1000 with " in ended.out
    assert len(read(search(tmp_path / "outputs/searches")).attempts) == 1
