"""Folders of the Hugging Face Hub, by name: google/flan-t5-small, or google/flan-t5-small@REVISION."""

import functools
import re
from pathlib import Path

from t5mix.internal import paths
from t5mix.internal.lazy import import_quietly
from t5mix.internal.terminal import say

_NAME = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[\w.-]+|refs/pr/[0-9]+))?", re.ASCII
)

# What t5mix reads: no pickle and no program is among it, so none is even downloaded.
FILES = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "spiece.model",
    "tokenizer*.json",
)


def is_hub_name(name: str) -> bool:
    """Tells whether this may be the name of a model on the Hub."""
    return _NAME.fullmatch(name) is not None and ".." not in name


@functools.cache  # a command opens a checkpoint more than once
def download(name: str) -> Path:
    """Downloads the files of a model that t5mix reads, those that are not there yet; returns their folder.

    Args:
        name: of the model, with `@REVISION` where a commit, a tag or a pull request (`refs/pr/N`) is meant.

    Raises:
        ValueError: there is no such name, or no way to it; or it has no safetensors there.
    """
    found = _NAME.fullmatch(name)
    if found is None or ".." in name:
        raise ValueError(f"{name!r} is no name of the Hub: it would be OWNER/MODEL, or OWNER/MODEL@REVISION")
    try:
        hub = import_quietly("huggingface_hub")
    except ImportError:
        raise ValueError(f"{name!r} is not on this machine, and downloading needs: pip install 't5mix[hf]'") from None
    folder = paths.cache_folder() / "hub" / name.replace("/", "--")
    say(f"looking for {name} on the Hugging Face Hub; files go to {folder}")
    try:
        # Into a folder of real files: the Hub's own cache is one of links, and links are not followed here.
        hub.snapshot_download(found["name"], revision=found["revision"], allow_patterns=list(FILES), local_dir=folder)
    except Exception as error:  # of several libraries, for names, networks and permissions
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"{name!r} is no folder here, and could not be had from the Hugging Face Hub: {reason}"
        ) from error
    if not any(folder.glob("*.safetensors")):
        raise ValueError(
            f"{name!r} has no safetensors on the Hugging Face Hub, and t5mix downloads no pickle, which can run code: "
            f"name a revision that has them, as {found['name']}@refs/pr/N (the model's page shows under Community "
            "whether the Hub's bot has proposed them), or write a folder with save_pretrained of transformers"
        )
    return folder
