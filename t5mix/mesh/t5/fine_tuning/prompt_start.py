"""First values of a soft prompt (prompt.py): embeddings of common words."""

from typing import TYPE_CHECKING

import numpy as np

from t5mix.mesh.t5.fine_tuning.settings import Trained, prompt_tuning

if TYPE_CHECKING:
    from typing_extensions import TypeIs

# Lester et al. draw from the 5,000 commonest pieces; SentencePiece numbers pieces from the commonest on, after
# padding, EOS and the unknown piece.
_SPECIAL, _COMMON = 3, 5000


def wants_words(trained: Trained) -> "TypeIs[prompt_tuning]":
    """Tells whether there is a prompt whose first values are embeddings of words."""
    return isinstance(trained, prompt_tuning) and trained.start == "vocabulary"


def prompt_from_vocabulary(embedding: np.ndarray, options: prompt_tuning, vocab_size: int, seed: int) -> np.ndarray:
    """Returns a prompt of word embeddings, [length, d_model] float32, drawn from the commonest pieces.

    Args:
        embedding: [padded vocabulary, d_model].
        options: of the prompt.
        vocab_size: ids that mean something.
        seed: which draw; pieces repeat only where there are fewer than the prompt is long.
    """
    common = np.arange(_SPECIAL, max(min(vocab_size, _COMMON + _SPECIAL), _SPECIAL + 1))
    random = np.random.default_rng([seed, options.length])
    ids = random.choice(common, options.length, replace=options.length > len(common))
    return np.ascontiguousarray(embedding[ids], np.float32)
