"""Arguments are bound where a function or dataclass has them."""

import dataclasses
import functools

import t5mix


@dataclasses.dataclass(frozen=True)
class Cut:
    length: int
    sequence_length: int | None = None


def cut(dataset: object, sequence_length: int, other: int = 0) -> tuple[int, int]:
    return sequence_length, other


def test_functions_partials_and_dataclasses_get_what_they_have() -> None:
    bound = t5mix.add_kwargs_to_transform(cut, sequence_length=5, output_features=None)
    assert bound(None) == (5, 0)
    assert t5mix.add_kwargs_to_transform(functools.partial(cut, other=2), sequence_length=5, other=3)(None) == (5, 2)
    assert t5mix.add_kwargs_to_transform(Cut(1), sequence_length=5, unknown=3) == Cut(1, 5)
    assert t5mix.add_kwargs_to_transform(len, unknown=1) is len
    assert t5mix.set_preprocessor_seed(cut, 3) is cut


def test_names() -> None:
    assert t5mix.function_name(functools.partial(functools.partial(cut, 1), 2)) == "cut"
    assert t5mix.function_name(Cut) == "type" and t5mix.function_name(Cut(1)) == ""
    assert t5mix.fully_qualified_class_name(Cut(1)) == f"{__name__}.Cut"
