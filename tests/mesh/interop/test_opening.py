"""What is a checkpoint of another program, and what is said where there is none."""

import pytest

from t5mix.mesh.interop import is_foreign, open_checkpoint
from t5mix.mesh.interop.hugging_face import hub


def test_a_folder_without_a_checkpoint_says_what_there_could_be(tmp_path):
    assert not is_foreign(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"neither config\.json .* nor .*index .* nor checkpoint and target"):
        open_checkpoint(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        open_checkpoint(str(tmp_path / "absent"))


def test_run_folders_are_not_taken_for_others(tmp_path):
    for name in ("operative_config.gin", "lineage.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "checkpoints" / "100").mkdir(parents=True)
    assert not is_foreign(str(tmp_path)) and not is_foreign(str(tmp_path / "checkpoints" / "100"))


def test_names_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("google/flan-t5-small", "google/mt5-small@main", "google/mt5-small@refs/pr/12", "a-b/c.d_e@0123abc"):
        assert hub.is_hub_name(name) and is_foreign(name)
    wrong = ("t5-small", "../x/y", "/abs/path", "a/b/c", "a/..", "a/b@", "a//b", "-a/b", "a/b@x/y", "a/b\n")
    for name in (*wrong, "a/b@refs/pr/../x", "a/b@refs/heads/1"):
        assert not hub.is_hub_name(name), name
    (tmp_path / "runs").mkdir()
    assert not is_foreign("runs/mistyped")
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        open_checkpoint("runs/mistyped")


def test_only_files_that_are_data_are_downloaded_into_a_folder_of_real_files(tmp_path, monkeypatch):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("T5MIX_CACHE", str(tmp_path))
    asked = {}

    def snapshot_download(name, *, revision, allow_patterns, local_dir):
        asked.update(name=name, revision=revision, patterns=allow_patterns, folder=local_dir)
        if revision != "main":
            local_dir.mkdir(parents=True)
            (local_dir / "model.safetensors").touch()

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    folder = hub.download("google/flan-t5-small@v1")
    assert asked["name"] == "google/flan-t5-small" and asked["revision"] == "v1"
    assert asked["folder"] == folder and folder.is_relative_to(tmp_path)
    endings = {pattern.rpartition(".")[2] for pattern in asked["patterns"]}
    assert endings == {"json", "safetensors", "model"}
    assert hub.download("google/mt5-small@refs/pr/12").is_relative_to(tmp_path / "hub")
    assert asked["revision"] == "refs/pr/12"
    with pytest.raises(ValueError, match=r"no safetensors .* google/mt5-small@refs/pr/N"):  # pickles alone
        hub.download("google/mt5-small@main")
