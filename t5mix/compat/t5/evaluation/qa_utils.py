"""Names of T5's module of this name: answers made comparable, and compared."""

from t5mix.metrics.question_answering import normalize_squad, normalize_trivia_qa, qa_metrics

__all__ = ["normalize_squad", "normalize_trivia_qa", "qa_metrics"]
