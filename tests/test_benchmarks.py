"""The light benchmarks run; what they measure is not tested."""

import pytest

from benchmarks import report, startup
from benchmarks.no_training import OURS, Untrained, run_ours, run_theirs
from benchmarks.overhead import measure


@pytest.mark.parametrize("command", ["ours, --help", "ours, a misspelt key", "ours, a wrong value"])
def test_startup(command):
    assert 0 < startup.seconds(command) < 60


def test_overhead(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cost = measure("ours, MLflow", 5)
    assert 0 < cost["oracle"] < cost["search"] <= cost["delivered"]
    assert 0 < cost["CPU"] <= cost["thread"]


@pytest.mark.parametrize("strategy", [name for name in OURS if name != "hyperband"])
def test_bookkeeping(strategy, tmp_path):
    ran = run_ours(Untrained(strategy, trials=3), tmp_path)
    assert len(ran.ends) == 3
    assert ran.parts.keys() == {"oracle", "journal", "weights", "callbacks"}


def test_bookkeeping_of_the_peer(tmp_path):
    ran = run_theirs(Untrained("random", trials=3), tmp_path)
    assert len(ran.ends) == 3
    assert not ran.parts


def test_report(tmp_path):
    assert all(figure > 0 for figure in report.measure(12, 2, tmp_path))
