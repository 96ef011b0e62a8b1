"""What T5's own tasks share: the vocabulary, the features, and the steps around a text format."""

from collections.abc import Iterable

from t5mix import preprocessors
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder, Step
from t5mix.vocabularies import T5Vocabulary
from t5mix.vocabularies.features import Feature


def features() -> dict[str, Feature]:
    """Returns T5's output features, `inputs` (which may be missing) and `targets`, with its vocabulary and EOS."""
    vocabulary = T5Vocabulary()
    return {"inputs": Feature(vocabulary, required=False), "targets": Feature(vocabulary)}


def steps(*text: Step, tokens: Iterable[Step] = ()) -> list[Step]:
    """Returns the steps of a task: `text`, tokenization, the token cache, `tokens`, and EOS after trimming.

    Args:
        *text: steps that make `inputs` and `targets` as text.
        tokens: steps on tokens, such as an objective, which run anew each epoch.
    """
    before: list[Step] = [*text, preprocessors.tokenize, CacheDatasetPlaceholder()]
    return [*before, *tokens, preprocessors.append_eos_after_trim]
