"""Checks that preprocessors share."""

from collections.abc import Callable

import pytest

from t5mix import preprocessors


def test_examples_without_a_feature_are_refused_by_name(rows_of: Callable) -> None:
    with pytest.raises(ValueError, match="translate: no feature 'de'; the example has en"):
        rows_of(preprocessors.translate, {"en": "a"}, source_language="en", target_language="de")
    with pytest.raises(ValueError, match="summarize: no feature 'b'; the example has a"):
        rows_of(preprocessors.summarize, {"a": "a"}, article_key="a", summary_key="b")
    with pytest.raises(ValueError, match="glue: no feature 'text'; the example has label, idx"):
        rows_of(
            preprocessors.glue, {"label": 1, "idx": 3}, benchmark_name="b", label_names=["a"], feature_names=["text"]
        )
