"""A password in the tracking store's address is written and shown nowhere, whatever happens."""

import pytest

pytestmark = pytest.mark.usefixtures("tested_untraced")

SECRET, ENCODED = "s3cr#t", "s3cr%23t"
ADDRESS = f"http://ada:{ENCODED}@127.0.0.1:9"
LINE = "dataset=wine strategy.max_trials=1 training.epochs=1 report.every_seconds=30"
FILES = {"journal.jsonl", "config.yaml", "overrides.yaml", "tracking.json", "report.html"}
WAYS = {
    "quoted": f"""'tracking.uri="{ADDRESS}"'""",
    "yaml": "--config-dir conf experiment=server",
    "sweep": f"-m seed=0 tracking.uri={ADDRESS}",
    "sweep of yaml": "-m seed=0 --config-dir conf experiment=server",
}


def check_hidden(ended, folder):
    """Check all that a command has printed and written below a folder."""
    assert ended.code == 0
    assert "127.0.0.1:9" in ended.err + ended.out  # the server that is away is named
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "server.yaml"]
    assert {path.name for path in files} >= FILES
    for spelling in (SECRET, ENCODED, ENCODED.lower()):
        assert spelling not in ended.out + ended.err
        assert [path for path in files if spelling.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    "way",
    [
        "sweep of yaml",
        *(pytest.param(way, marks=pytest.mark.thorough) for way in ("quoted", "yaml", "sweep")),
    ],
)
def test_a_password_is_in_no_file_and_no_line_of_a_whole_run(way, command, tmp_path):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    server = f"# @package _global_\ntracking:\n  uri: {ADDRESS}\n"
    (tmp_path / "conf" / "experiment" / "server.yaml").write_text(server)
    check_hidden(command(f"{LINE} {WAYS[way]}"), tmp_path)


@pytest.mark.thorough
def test_it_is_in_none_of_a_search_that_goes_on_by_the_environment(command, tmp_path, monkeypatch):
    check_hidden(command(f"{LINE} ++tracking.uri={ADDRESS}"), tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ADDRESS)
    check_hidden(command(LINE.replace("max_trials=1", "max_trials=2")), tmp_path)
    assert len(list(tmp_path.glob("outputs/searches/wine-*"))) == 1
