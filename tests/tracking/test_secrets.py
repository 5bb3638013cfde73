"""A password in the tracking store's address is written and shown nowhere, whatever happens."""

import pytest

SECRET = "s3cr3t"
LINE = (
    "dataset=wine strategy.max_trials=1 training.epochs=1 report.every_seconds=30 "
    f"tracking.uri=http://ada:{SECRET}@127.0.0.1:9"
)


@pytest.mark.parametrize("sweep", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_a_password_is_in_no_file_and_no_line_of_a_whole_run(sweep, command, tmp_path):
    ended = command(f"-m seed=0,1 {LINE}" if sweep else LINE)
    assert ended.code == 0
    assert "127.0.0.1:9" in ended.err + ended.out  # the server that is away is named
    assert SECRET not in ended.out + ended.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"journal.jsonl", "config.yaml", "tracking.json", "report.html"} <= {
        path.name for path in files
    }
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
