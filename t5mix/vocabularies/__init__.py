"""Vocabularies: text into ids and back, in Python and in TensorFlow.

Ids 0, 1 and 2 are padding, end of sequence and unknown in every vocabulary that T5 uses. The names, arguments and
defaults are seqio's.
"""

from t5mix.vocabularies.base import PAD_ID, Vocabulary
from t5mix.vocabularies.byte_level import ByteVocabulary
from t5mix.vocabularies.codepoint import FullCodepointVocabulary, PartialCodepointVocabulary
from t5mix.vocabularies.features import ContinuousFeature, Feature, PassThroughFeature
from t5mix.vocabularies.pass_through import PassThroughVocabulary
from t5mix.vocabularies.sentence_piece import SentencePieceVocabulary
from t5mix.vocabularies.t5 import T5Vocabulary
from t5mix.vocabularies.unigram import UnigramVocabulary
from t5mix.vocabularies.word_piece import BertWordPieceVocabulary

__all__ = [
    "PAD_ID",
    "BertWordPieceVocabulary",
    "ByteVocabulary",
    "ContinuousFeature",
    "Feature",
    "FullCodepointVocabulary",
    "PartialCodepointVocabulary",
    "PassThroughFeature",
    "PassThroughVocabulary",
    "SentencePieceVocabulary",
    "T5Vocabulary",
    "UnigramVocabulary",
    "Vocabulary",
]
