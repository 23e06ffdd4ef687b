import pytest

from llama_lessons import files
from llama_lessons.files import atomic, data_path, read_text, work_dir


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic(path) as draft:
        draft.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_error_or_interrupt_leaves_what_was_there(tmp_path, kind):
    path = tmp_path / "a"
    make(path, kind, "old")
    with pytest.raises(KeyboardInterrupt), atomic(path) as draft:
        make(draft, kind, "half")
        raise KeyboardInterrupt
    assert read(path) == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_was_there_is_replaced_whole(tmp_path, kind):
    path = tmp_path / "a"
    make(path, kind, "old")
    if kind == "folder":
        (path / "only in the old one").touch()
    with atomic(path) as draft:
        make(draft, kind, "new")
    assert read(path) == "new"
    assert not (path / "only in the old one").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def make(path, kind, text):
    if kind == "folder":
        path.mkdir()
        path = path / "content"
    path.write_text(text)


def read(path):
    return (path / "content" if path.is_dir() else path).read_text()


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "a"
    make(path, "folder", "old")

    def fail(*_):
        raise OSError("no")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="no"), atomic(path) as draft:
        make(draft, "folder", "new")
    assert read(path) == "old"


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
