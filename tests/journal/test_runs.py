from pipeline.journal.runs import TrialRun, append_run, read_pages, write_runs


def test_the_newest_attempt_of_each_trial_counts(tmp_path):
    assert read_pages(tmp_path) == {}
    write_runs(
        tmp_path, [TrialRun("0001", 1, "b", "http://b"), TrialRun("0000", 0, "a", "http://a")]
    )
    append_run(tmp_path, TrialRun("0001", 0, "c", "http://c"))
    assert read_pages(tmp_path) == {"0000": "http://a", "0001": "http://b"}
    write_runs(tmp_path, [TrialRun("0002", 0, "d", "http://d")])
    assert read_pages(tmp_path) == {"0002": "http://d"}


def test_a_line_that_was_not_written_to_its_end_does_not_count(tmp_path):
    write_runs(tmp_path, [TrialRun("0000", 0, "a", "http://a")])
    with (tmp_path / "runs.csv").open("a") as file:
        file.write("0001,0,b,http:")
    assert read_pages(tmp_path) == {"0000": "http://a"}
