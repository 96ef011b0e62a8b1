"""Mixing rates: numbers, functions of a task, and rates that change while a model is trained."""

from t5mix.declarations.rates.changing import Changing, Rate, by_step, check_rate, linear, stages
from t5mix.declarations.rates.sizes import (
    UniMax,
    equal,
    mixing_rate_num_characters,
    mixing_rate_num_examples,
    proportional,
    unimax,
)

__all__ = [
    "Changing",
    "Rate",
    "UniMax",
    "by_step",
    "check_rate",
    "equal",
    "linear",
    "mixing_rate_num_characters",
    "mixing_rate_num_examples",
    "proportional",
    "stages",
    "unimax",
]
