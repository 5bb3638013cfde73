"""Files are whole or as they were before."""

import pytest

from pipeline.journal.files import replacing


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_raises_while_it_writes_leaves_the_file_as_it_was(error, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"before")

    def write():
        with replacing(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
