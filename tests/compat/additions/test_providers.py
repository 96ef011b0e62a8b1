"""Base classes know tasks, mixtures and sources; a registry of one's own works."""

from typing import ClassVar

import pytest

import t5mix


def nothing(split: str, shuffle_files: bool, seed: int | None = None) -> None: ...


SOURCE = t5mix.FunctionDataSource(nothing, ["train"])  # type: ignore[arg-type]
TASK = t5mix.Task("of_providers", SOURCE, {"targets": t5mix.Feature(t5mix.ByteVocabulary())})


class Sources(t5mix.DatasetProviderRegistry):
    _REGISTRY: ClassVar[dict[str, object]] = {}
    _PROVIDER_TYPE = t5mix.DataSource


def test_what_gives_datasets_is_a_provider() -> None:
    for provider in (SOURCE, TASK, t5mix.Mixture("of_provider", [TASK], 1)):
        assert isinstance(provider, t5mix.DatasetProviderBase)
    assert isinstance(SOURCE, t5mix.DataSourceInterface) and not isinstance(TASK, t5mix.DataSourceInterface)
    with pytest.raises(TypeError, match="abstract"):
        type("Mine", (t5mix.DatasetProviderBase,), {})()


def test_a_registry_of_ones_own() -> None:
    Sources.reset()
    Sources.add_provider("one", SOURCE)
    made = Sources.add("two", t5mix.FunctionDataSource, {"dataset_fn": nothing, "splits": ["dev"]})
    assert list(Sources.names()) == ["one", "two"] and Sources.get("two") is made
    with pytest.raises(ValueError, match="duplicate provider: one"):
        Sources.add_provider("one", SOURCE)
    with pytest.raises(ValueError, match=r"invalid type.*got Task"):
        Sources.add_provider("three", TASK)
    Sources.remove("one")
    Sources.remove("one")
    with pytest.raises(ValueError, match="not registered: one; there are two"):
        Sources.get("one")
