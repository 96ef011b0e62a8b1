"""The models of gin/models, as configs: what `t5mix list --models` shows."""

import dataclasses
from pathlib import Path

from t5mix.internal import paths
from t5mix.mesh.interop.sizes import ModelSize
from t5mix.mesh.t5.config import T5Config
from t5mix.runs.config import gin_files

# That of T5's own vocabulary, padded; the smallest models leave it to the mixture.
T5_VOCAB_SIZE = 32128


@dataclasses.dataclass(frozen=True)
class ShippedModel:
    """A file of gin/models.

    Attributes:
        gin_file: its name, as `--gin_file` takes it: "models/t5_1_1/small.gin".
        config: what it binds.
        binds_vocab_size: whether it says how many ids there are; else `config` has T5's number.
    """

    gin_file: str
    config: T5Config
    binds_vocab_size: bool


def shipped_models() -> list[ShippedModel]:
    """Returns all models of the shipped gin folder, the smallest of each folder first."""
    folder = paths.shipped("gin")
    models = [_model(path, folder) for path in (folder / "models").rglob("*.gin")]
    return sorted(models, key=lambda model: (Path(model.gin_file).parent, ModelSize.of(model.config).parameters))


def _model(path: Path, folder: Path) -> ShippedModel:
    name = path.relative_to(folder).as_posix()
    settings = {binding.parameter: binding.value for binding in gin_files.read([str(path)])}
    return ShippedModel(name, T5Config(**{"vocab_size": T5_VOCAB_SIZE, **settings}), "vocab_size" in settings)
