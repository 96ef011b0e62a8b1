"""The vocabulary that T5 was trained with."""

import os

from t5mix.internal.code import fingerprints
from t5mix.vocabularies import sentence_piece

VARIABLE = "T5MIX_T5_VOCAB"
PUBLISHED_AT = "gs://t5-data/vocabs/cc_all.32000/sentencepiece.model"


class T5Vocabulary(sentence_piece.SentencePieceVocabulary):
    """T5's 32,000 pieces and the sentinels behind them (Raffel et al., 2020, arXiv:1910.10683).

    The model is read when an id is first needed, from the path in the environment variable
    T5MIX_T5_VOCAB; a declaration needs neither.

    Args:
        extra_ids: number of sentinels.
    """

    def __init__(self, extra_ids: int = 100) -> None:
        super().__init__(PUBLISHED_AT, extra_ids)

    @property
    def sentencepiece_model_file(self) -> str:
        """The path of the model: T5MIX_T5_VOCAB if it is set, else where T5 publishes it."""
        return os.environ.get(VARIABLE) or PUBLISHED_AT

    def _content(self) -> str:
        path = self.sentencepiece_model_file
        try:
            return fingerprints.of_file(path)
        except OSError as error:
            named = f"{VARIABLE} names it" if os.environ.get(VARIABLE) else f"{VARIABLE} is not set"
            raise ValueError(
                f"T5's vocabulary cannot be read at {path!r} ({error.strerror}; {named}); copy {PUBLISHED_AT} to a "
                f"folder, or take the spiece.model of a released T5, and set {VARIABLE} to its path"
            ) from error

    def _model(self) -> tuple[bytes, object, int]:
        return sentence_piece._load_sentencepiece(
            self.sentencepiece_model_file, self._content(), self.extra_ids, None, True
        )

    def __repr__(self) -> str:
        return f"T5Vocabulary(extra_ids={self.extra_ids})"
