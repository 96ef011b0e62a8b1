"""Methods that remember: each object by itself, the last results only. Work without a search for garbage."""

import gc

import pytest

from t5mix.internal.memo import no_collection, remembers


class _Squares:
    def __init__(self):
        self.computed = []

    @remembers(2)
    def of(self, number):
        """Returns a square."""
        self.computed.append(number)
        return number * number


def test_the_last_results_are_kept_and_no_others():
    squares = _Squares()
    assert [squares.of(number) for number in (3, 4, 3, 5, 3, 4)] == [9, 16, 9, 25, 9, 16]
    assert squares.computed == [3, 4, 5, 4]  # 4 was the one used least lately when 5 came


def test_objects_remember_by_themselves():
    one, other = _Squares(), _Squares()
    assert one.of(2) == other.of(2) == 4
    assert one.computed == other.computed == [2]
    assert _Squares.of.__doc__ == "Returns a square."


@pytest.mark.parametrize("enabled", [True, False])
def test_the_search_for_cycles_is_put_off_and_goes_on_as_it_was(enabled):
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(KeyError), no_collection():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()
