"""Where searches live: folders renamed, damaged or removed, and processes that compete."""

import shutil
import time
from dataclasses import replace

import pytest

from pipeline.configuration.config import ConfigError, Resume
from pipeline.journal.files import StorageError
from pipeline.journal.history import Journal
from pipeline.search.storage import open_folder
from tests.records import epoch_end, search_begin, trial_begin, trial_end, write

BEGUN = search_begin()


@pytest.fixture
def earlier(tmp_path):
    """The folder of an unfinished search."""
    folder = tmp_path / BEGUN.search
    folder.mkdir()
    write(folder, BEGUN, trial_begin(), trial_end())
    return folder


def test_a_renamed_folder_goes_on_under_its_new_name(earlier, tmp_path):
    earlier.rename(tmp_path / "kept")
    with open_folder(tmp_path, BEGUN, Resume.must) as folder:
        assert folder.path == tmp_path / "kept"
        assert folder.past.begin.search == BEGUN.search
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["kept"]


@pytest.mark.parametrize("line", ["{torn and mended by hand}\n", '{"kind": "trial_begin"}\n', "\n"])
def test_a_damaged_journal_of_another_search_stops_nobody(line, earlier, tmp_path):
    damaged = tmp_path / "another"
    damaged.mkdir()
    (damaged / "journal.jsonl").write_text(line)
    with open_folder(tmp_path, BEGUN, Resume.auto) as folder:
        assert (folder.path, folder.told) == (earlier, ())
    with open_folder(tmp_path, replace(BEGUN, fingerprint="g"), Resume.auto) as folder:
        (sentence,) = folder.told
        assert sentence.startswith(f"{damaged}/journal.jsonl does not begin with a search")
        assert folder.past is None


def test_a_damaged_journal_of_the_same_command_is_told_before_anything_is_trained(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "journal.jsonl").write_text("{torn and mended by hand}\n")
    (tmp_path / "mine" / "overrides.yaml").write_text("[verbose=0, strategy=grid]")
    begin = replace(BEGUN, overrides=["strategy=grid"])
    with (
        pytest.raises(ConfigError, match=r"mine/journal\.jsonl .*, or start a new search"),
        open_folder(tmp_path, begin, Resume.auto),
    ):
        pass


def test_a_first_line_that_a_process_did_not_live_to_end_is_no_damage(tmp_path):
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "journal.jsonl").write_text('{"kind": "search_beg')
    with open_folder(tmp_path, BEGUN, Resume.auto) as folder:
        assert folder.told == ()


def test_of_two_equal_commands_one_starts(tmp_path):
    with open_folder(tmp_path, BEGUN, Resume.auto) as first:  # its journal is not begun yet
        time.sleep(0.01)
        with (
            pytest.raises(ConfigError, match=f"{first.path.name} is being run by another process"),
            open_folder(tmp_path, BEGUN, Resume.auto),
        ):
            pass
        assert list(tmp_path.iterdir()) == [first.path]
        with open_folder(tmp_path, BEGUN, Resume.never) as beside:
            assert beside.path != first.path
        with open_folder(tmp_path, replace(BEGUN, fingerprint="g"), Resume.auto) as other:
            assert other.path != first.path


def test_what_a_process_left_that_died_before_its_journal_blocks_nobody(tmp_path):
    (tmp_path / "died").mkdir()
    (tmp_path / "died" / "running").write_text(BEGUN.fingerprint)
    with open_folder(tmp_path, BEGUN, Resume.auto) as folder:
        assert folder.path.name != "died"


def test_a_search_whose_folder_is_removed_trains_no_further(tmp_path):
    with open_folder(tmp_path, BEGUN, Resume.auto) as folder:
        journal = Journal(folder.path)
        journal.on_search_begin(BEGUN)
        shutil.rmtree(folder.path)
        with pytest.raises(StorageError, match="was removed while the search ran"):
            journal.on_epoch_end(epoch_end())
        journal.close()


def test_nothing_is_left_where_none_can_be_continued(tmp_path):
    with (
        pytest.raises(ConfigError, match="resume=must found no unfinished search"),
        open_folder(tmp_path / "storage", BEGUN, Resume.must),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
