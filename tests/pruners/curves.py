"""Curves written by hand, for the tests of pruners."""

from pipeline.pruners import Curve


def curve(number: int, *executions, **how) -> Curve:
    """A trial by its number, with the values of each execution; a first epoch may be given.

    `first_epoch` is the absolute epoch of each execution's first value.
    """
    start = how.pop("first_epoch", 0)
    told = tuple(dict(enumerate(values, start)) for values in executions)
    return Curve(f"{number:04d}", told, **how)


def paused(number: int, *values) -> Curve:
    return curve(number, values, pruned=True)


def completed(number: int, *values) -> Curve:
    return curve(number, values, completed=True)


def negated(one: Curve) -> Curve:
    """The same trial, if the opposite of the objective were searched for."""
    told = tuple({epoch: -value for epoch, value in each.items()} for each in one.executions)
    return Curve(one.trial, told, one.completed, one.pruned, one.failed)
