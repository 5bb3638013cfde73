"""The arithmetic alone: what the steps of the same trials take in one compiled function.

Forward and backward, loss and optimizer, on one batch that is at hand, again and again in a loop
of the graph, without metrics; the forward pass and the loss of the validation; for a frozen part,
one forward pass over all examples. Nothing is counted of building, tracing, data and bookkeeping:
each step's time is that of a function which has run before, times the number of steps.
"""

import contextlib
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import Any

import keras
import tensorflow as tf

from benchmarks.cases import CASES, Case, hyperparameters, seeded
from benchmarks.work import BATCH_SIZE, Outcome, Work
from pipeline.datasets import Split

_TIMES = 3


def search(work: Work, folder: Path) -> Outcome:  # noqa: ARG001
    """Measure Keras's steps."""
    return measured(work, contextlib.nullcontext)


def measured(work: Work, stepping: Callable[[Any], AbstractContextManager[Any]]) -> Outcome:
    """Measure the steps of the given trials.

    Args:
        work: The search.
        stepping: How an optimizer steps while the block runs.

    Returns:
        The seconds that they take, and no score: nothing is trained to its end.
    """
    case, seconds = CASES[work.case](), 0.0
    if case.has_frozen_part:
        seconds += _seconds_of_pass(case)
        case = case.on_features()
    case = seeded(case, work)
    for values in work.sets:
        keras.backend.clear_session()
        model = case.hypermodel.build(hyperparameters(values))
        model.optimizer.build(model.trainable_variables)
        with stepping(model.optimizer):
            seconds += work.epochs * _seconds_of_epoch(model, case)
    return Outcome(work.sets, None, seconds)


def _seconds_of_pass(case: Case) -> float:
    part, (x, _) = case.hypermodel.frozen_part(), _batch(case.train)
    steps = _steps(case.train) + _steps(case.validation)
    return _steady(lambda: tf.reduce_sum(part(x, training=False)), steps)


def _seconds_of_epoch(model: keras.Model, case: Case) -> float:
    def train() -> tf.Tensor:
        x, y = batch
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True), training=True)
        variables = model.trainable_variables
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def validate() -> tf.Tensor:
        x, y = other
        return model.compute_loss(x, y, model(x, training=False), training=False)

    batch, other = _batch(case.train), _batch(case.validation)
    return _steady(train, _steps(case.train)) + _steady(validate, _steps(case.validation))


def _steady(step: Callable[[], tf.Tensor], steps: int) -> float:
    """Return the seconds of some steps in one call, after a call in which they were traced."""

    @tf.function
    def run() -> tf.Tensor:
        total = tf.constant(0.0)
        for _ in tf.range(steps):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            total += step()
        return total

    run().numpy()
    times = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        run().numpy()
        times.append(time.perf_counter() - start)
    return median(times)


def _batch(split: Split) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(split.x[:BATCH_SIZE]), tf.constant(split.y[:BATCH_SIZE])


def _steps(split: Split) -> int:
    return math.ceil(len(split) / BATCH_SIZE)
