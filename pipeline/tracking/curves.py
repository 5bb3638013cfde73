"""The points of an attempt's metrics, over epochs and executions."""

import math
from collections.abc import Callable, Mapping

from pipeline.journal.attempts import same_logs, same_number
from pipeline.journal.callbacks import EpochEnd


class Curves:
    """The metrics of one attempt, epoch by epoch and execution by execution.

    With several executions the plain name of a metric is the mean over them, and all but the
    first execution also have names of their own.

    Args:
        log: Called with the name, value, time (seconds since the epoch) and step of each point.
        executions: Trainings of the attempt, at least 1.
    """

    def __init__(self, log: Callable[[str, float, float, int], None], executions: int) -> None:
        self._log_point = log
        self._executions = executions
        self._logs: dict[tuple[int, int], Mapping[str, float]] = {}
        self._logged: dict[tuple[str, int], float] = {}

    def add(self, record: EpochEnd) -> None:
        """Log an epoch, and the means if all executions have now reported it.

        An attempt that was continued reports epochs again, in order. Unless it reports the same,
        what was known of that epoch and those behind it is void.
        """
        position = (record.execution, record.epoch)
        if position in self._logs and same_logs(self._logs[position], record.logs):
            return
        for known in [known for known in self._logs if known >= position]:
            del self._logs[known]
        self._logs[position] = record.logs
        if self._executions == 1:
            self._log(record.logs, record.epoch, record.time)
            return
        if record.execution > 0:
            suffix = f"_execution_{record.execution}"
            named = {name + suffix: value for name, value in record.logs.items()}
            self._log(named, record.epoch, record.time)
        if self._reports(record.epoch) == self._executions:
            self._log_means(record.epoch, record.time)

    def end(self, time: float) -> None:
        """Log the means of the epochs that not all executions reached."""
        if self._executions == 1:
            return
        for epoch in sorted({epoch for _, epoch in self._logs}):
            if self._reports(epoch) < self._executions:
                self._log_means(epoch, time)

    def _reports(self, epoch: int) -> int:
        return sum(known == epoch for _, known in self._logs)

    def _log_means(self, epoch: int, time: float) -> None:
        reports = [logs for (_, known), logs in self._logs.items() if known == epoch]
        values: dict[str, list[float]] = {}
        for logs in reports:
            for name, value in logs.items():
                values.setdefault(name, []).append(value)
        means = {name: _mean(numbers) for name, numbers in values.items()}
        self._log(means, epoch, time)

    def _log(self, values: Mapping[str, float], epoch: int, time: float) -> None:
        """Log what MLflow does not show yet; it cannot replace a point, only add another."""
        for name, value in values.items():
            known = self._logged.get((name, epoch))
            if known is None or not same_number(known, value):
                self._logged[name, epoch] = value
                self._log_point(name, value, time, epoch)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else sum(values)
