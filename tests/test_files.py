import tracemalloc
from pathlib import Path

import pytest

from llama_lessons import files
from llama_lessons.files import atomic, check_file, data_path, read_text, work_dir


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic(path) as draft:
        draft.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_an_error_or_interrupt_leaves_what_was_there(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic(path) as draft:
        draft.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_was_there_is_replaced_and_a_killed_processs_half_removed(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    killed = atomic(path)
    killed.__enter__().write_text("half")
    with atomic(path) as draft:
        assert not draft.exists()
        draft.write_text("new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_folders_made_for_a_file_that_does_not_come_are_removed_and_others_stay(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(OSError, match="full"), atomic(tmp_path / "mine" / "b" / "c" / "file") as draft:
        draft.write_text("half")
        raise OSError("full")
    assert [p.name for p in tmp_path.rglob("*")] == ["mine"]


def test_a_file_that_is_a_link_is_written_where_it_leads(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "file")
    for text in ("first", "second"):
        with atomic(tmp_path / "link") as draft:
            draft.write_text(text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "disk" / "file").read_text() == text


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with atomic("~/a/b.txt") as draft:
        draft.write_text("text")
    assert (tmp_path / "a" / "b.txt").read_text() == read_text("~/a/b.txt") == "text"


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    for attempt in (lambda: atomic(tmp_path).__enter__(), lambda: check_file(tmp_path, Path.read_text)):
        with pytest.raises(ValueError, match=r"path .* is a folder: choose another"):
            attempt()


def test_only_a_file_that_its_reader_opens_may_be_replaced(tmp_path):
    path = tmp_path / "a.json"
    check_file(path, read_text)
    for content, replaced in ((b"", True), (b"some text", True), (b"\0\1", False)):
        path.write_bytes(content)
        if replaced:
            check_file(path, read_text)
        else:
            with pytest.raises(ValueError, match=r"path .*a\.json is a file of another kind"):
                check_file(path, read_text)


def test_a_large_file_that_is_no_text_is_not_read_whole(tmp_path):
    path = tmp_path / "novel.txt"
    with path.open("wb") as file:
        file.truncate(2**29)
    tracemalloc.start()
    with pytest.raises(ValueError, match="no text file"):
        read_text(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000  # bytes


def test_missing_data_is_named_with_a_remedy():
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt is missing: .* full checkout"):
        data_path("texts/nothing.txt")


def test_lessons_can_write_where_the_course_folder_is_read_only(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "COURSE", tmp_path)
    assert work_dir.__wrapped__() == tmp_path / "work"
    monkeypatch.setattr(files, "COURSE", tmp_path / "not a folder")
    folder = work_dir.__wrapped__()
    (folder / "a").touch()
    folder.joinpath("a").unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, r"novel\.txt cannot be read: No such file"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"PNG\0\0", "no text file"),
        (b"caf\xe9", "not in UTF-8: byte 0xE9 at 3"),
    ],
    ids=["missing", "empty", "blank", "binary", "another encoding"],
)
def test_a_readers_own_text_is_read_or_the_trouble_named(tmp_path, content, complaint):
    path = tmp_path / "novel.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        read_text(path)


def test_a_readers_own_text_has_line_ends_of_one_kind(tmp_path):
    (tmp_path / "novel.txt").write_bytes("\ufeffé\r\nb\n".encode())
    assert read_text(tmp_path / "novel.txt") == "é\nb\n"
