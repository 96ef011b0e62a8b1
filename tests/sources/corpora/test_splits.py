"""Laws of splits and draws."""

import os
import subprocess
import sys

import pytest

from t5mix.sources.corpora.splits import SPLITS, Draw, split_of


def test_shares_are_as_asked():
    places = [split_of(f"item {number}", 0.2) for number in range(4000)]
    assert {place: round(places.count(place) / 4000, 1) for place in SPLITS} == {
        "train": 0.6,
        "validation": 0.2,
        "test": 0.2,
    }


@pytest.mark.parametrize("held_out", [0, 0.5, -1])
def test_a_share_that_empties_a_split_is_refused(held_out):
    with pytest.raises(ValueError, match="held_out"):
        split_of("item", held_out)


def test_draws_stay_within_their_bounds_and_differ_by_seed():
    draw = Draw("a")
    assert {draw.between(2, 4) for _ in range(100)} == {2, 3, 4}
    some = draw.some(range(10), 5)
    assert len(set(some)) == 5
    first, again, other = ([d.below(1000) for _ in range(5)] for d in (Draw("x"), Draw("x"), Draw("y")))
    assert first == again != other


@pytest.mark.slow
def test_rows_do_not_depend_on_the_hash_seed():
    code = (
        "import hashlib; from t5mix.sources import corpora as c;"
        "names = (c.documents(), c.sentiment(), c.language_names(('de', 'fr')),"
        " c.questions(2), c.translations('ro', 200), c.abbreviations(200));"
        "print([hashlib.sha256(repr(x.rows('train')).encode()).hexdigest() for x in names],"
        " [x.fingerprint('train') for x in names])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
