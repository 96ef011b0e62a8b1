"""Settings that are bound, and mixtures beside `toy`."""

import pytest

import t5mix
from t5mix.runs.config import binding


@pytest.fixture
def bind(gin_file):
    """Binds the settings of the file, with changes."""
    return lambda *params: binding.bind([str(gin_file)], params)


@pytest.fixture
def other(add_task):
    """Registers the mixture `other`, whose model has the same size but whose ids mean other words."""
    add_task("other_a", vocabulary=t5mix.ByteVocabulary(extra_ids=4))
    t5mix.MixtureRegistry.add("other", ["other_a"], default_rate=1.0)


def by_score(targets, scores):
    return {"mean": float(scores.mean())}


@pytest.fixture
def mixed(add_task):
    """Registers the mixture `mixed`: one task has a metric that runs cannot compute, and one another split."""
    add_task("by_score", metrics=(by_score,))
    add_task("train_alone", splits=("train",))
    t5mix.MixtureRegistry.add("mixed", ["toy_a", "by_score", "train_alone"], default_rate=1.0)
