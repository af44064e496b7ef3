"""Files appear whole or not at all, and pipes and devices are refused at once."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from radiokit.exceptions import FileError
from radiokit.utils import atomic_write, read_bytes, regular_file, write_text

linux = pytest.mark.skipif(sys.platform == "win32", reason="pipes, devices and limits of POSIX")


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "table.tar.gz"
    target.write_text("old")
    with atomic_write(target) as draft:
        assert draft.name == target.name and not list(tmp_path.glob("*.gz"))[1:]
        draft.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new" and os.listdir(tmp_path) == [target.name]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("no"), KeyboardInterrupt()])
def test_an_error_in_the_middle_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    wanted = FileError if isinstance(error, OSError) else type(error)
    with pytest.raises(wanted), atomic_write(target) as draft:
        draft.write_text("half")
        raise error
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_two_writers_of_one_path_do_not_meet(tmp_path: Path) -> None:
    target, both = tmp_path / "a.txt", threading.Barrier(2)

    def write(letter: str) -> None:
        with atomic_write(target) as draft:
            both.wait()
            draft.write_text(letter * 100_000)
            both.wait()

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() in ("a" * 100_000, "b" * 100_000) and os.listdir(tmp_path) == ["a.txt"]


@linux
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(FileError, match=r"a\.txt cannot be written: File too large"):
            write_text(tmp_path / "a.txt", "x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not os.listdir(tmp_path)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file or directory"):
        write_text(tmp_path / "gone" / "a.txt", "")
    with pytest.raises(FileError, match="it is a folder"):
        write_text(tmp_path, "")


@linux
def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name, kind in (("pipe", "a pipe"), ("null", "a device")):
        with pytest.raises(FileError, match=f"it is {kind}"):
            write_text(tmp_path / name, "x")
    assert sorted(os.listdir(tmp_path)) == ["null", "pipe"]


@linux
def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
    for path, kind in (
        (tmp_path / "pipe", "a pipe"),
        (tmp_path / "socket", "a socket"),
        (tmp_path, "a folder"),
        ("/dev/zero", "a device"),
    ):
        for read in (regular_file, lambda p: read_bytes(p, 10)):
            with pytest.raises(FileError, match=f"is {kind}; required: an ordinary file"):
                read(path)  # type: ignore[operator]
    for gone in (tmp_path / "gone", "a\0b"):
        with pytest.raises(FileError, match="Cannot read"):
            regular_file(gone)


def test_no_more_is_read_than_allowed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", 5) == b"12345"
    with pytest.raises(FileError, match="more than"):
        read_bytes(tmp_path / "a", 4)


@linux
def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    code = f"import os; os.umask(0o027); from radiokit.utils import write_text; write_text({str(tmp_path / 'a')!r}, '')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
