"""The learning rates that a trial was trained with, as its search's journal tells of them."""

from pipeline.journal.attempts import Attempt
from pipeline.journal.callbacks import EpochEnd
from pipeline.journal.history import History
from pipeline.training.final_callbacks import Rates, TrainedRates
from pipeline.training.learning_rates import RATE


def trained_rates(history: History, attempt: Attempt, execution: int) -> TrainedRates:
    """Return the learning rates of one execution of a trial, and of those that it goes on from.

    Args:
        history: The search.
        attempt: The trial's completed attempt.
        execution: Index of the execution.

    Returns:
        What Keras logged, by absolute epoch; nothing where no callback of Keras's looked at it.
    """
    of_epoch: dict[int, Rates] = {}
    before_epoch: dict[int, Rates] = {}
    latest: Rates = {}
    for trained in history.lineage(attempt):
        for epoch in trained.epochs_of(execution):
            before_epoch[epoch.epoch] = latest
            latest = of_epoch[epoch.epoch] = _rates(epoch)
        begin = history.begin
        best = trained.best_epoch(execution, begin.objective, begin.direction)
        if best is not None:  # a promoted trial goes on from there
            latest = _rates(best)
    return TrainedRates(of_epoch, before_epoch)


def _rates(epoch: EpochEnd) -> Rates:
    return {name: rate for name, rate in epoch.logs.items() if name.startswith(RATE)}
