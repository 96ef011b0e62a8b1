"""Text that Python and pip packages already hold, read as data sets.

Each function here returns a `Corpus`: give it to `t5mix.FunctionDataSource` as `dataset_fn`. Nothing
is downloaded, nothing is random, and no package but Babel is imported to be read.
"""

from t5mix.sources.corpora.abbreviations import abbreviations
from t5mix.sources.corpora.corpus import Corpus
from t5mix.sources.corpora.docstrings import LIBRARIES, documents, libraries
from t5mix.sources.corpora.lexicon import sentiment, valence
from t5mix.sources.corpora.names import language_names
from t5mix.sources.corpora.questions import questions
from t5mix.sources.corpora.translations import translations

__all__ = [
    "LIBRARIES",
    "Corpus",
    "abbreviations",
    "documents",
    "language_names",
    "libraries",
    "questions",
    "sentiment",
    "translations",
    "valence",
]
