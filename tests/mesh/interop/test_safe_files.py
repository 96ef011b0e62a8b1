"""No path leaves its folder, no link is followed, a folder appears whole or not at all."""

import pytest

from t5mix.internal.files import read_json
from t5mix.mesh.interop.safe_files import check_new_folder, file_inside, folder_inside, new_folder


def test_only_plain_names_are_files_of_a_folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("secret")
    (folder / "good.txt").write_text("x")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "dangling").symlink_to(tmp_path / "absent")
    assert file_inside(folder, "good.txt") == folder / "good.txt"
    for name in ("../outside.txt", "/etc/hostname", "", ".", "..", "a/b", "a\0b", "a\\b", "good.txt/"):
        with pytest.raises(ValueError, match="no plain name"):
            file_inside(folder, name)
    for name in ("link.txt", "dangling"):
        with pytest.raises(ValueError, match="is a link"):
            file_inside(folder, name)
    for find, name in ((file_inside, "absent"), (folder_inside, "good.txt")):
        with pytest.raises(FileNotFoundError):
            find(folder, name)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b'{"a": ' + b"[" * 100_000, b""])
def test_what_is_no_json_object_is_one_line(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json: this is "):
        read_json(path)


def test_a_folder_appears_when_it_is_whole(tmp_path):
    with new_folder(tmp_path / "deep" / "out") as folder:
        (folder / "a").write_text("1")
        assert not (tmp_path / "deep" / "out").exists()
    assert (tmp_path / "deep" / "out" / "a").read_text() == "1"
    with pytest.raises(RuntimeError), new_folder(tmp_path / "other") as folder:
        (folder / "a").write_text("1")
        raise RuntimeError
    assert [entry.name for entry in tmp_path.iterdir()] == ["deep"]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("file", "link", "full"):
        with pytest.raises(ValueError, match="choose another folder"):
            check_new_folder(tmp_path / name)
    with new_folder(tmp_path / "empty") as folder:
        (folder / "a").write_text("1")
    assert (tmp_path / "empty" / "a").exists()
