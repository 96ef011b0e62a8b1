"""The same bytes on any number of hosts, in any process and in every version."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from t5mix.data import Stream
from t5mix.declarations.mixture import Mixture
from t5mix.preprocessors import append_eos_after_trim, objectives

LENGTHS = {"inputs": 32, "targets": 17}


@pytest.mark.parametrize("pack", [True, False])
def test_hosts_that_take_their_rows_have_the_whole_batch_whatever_their_number(mixture, pack):
    def stream():
        return Stream(mixture, LENGTHS, 168, seed=5, pack=pack)

    whole = stream()
    # The number of hosts changes at each step: a run goes on elsewhere with as many as there are.
    for step, hosts in enumerate((1, 2, 3, 4, 7, 8)):
        size = 168 // hosts
        parts = [stream().batch(step, slice(h * size, h * size + size)) for h in range(hosts)]
        for name, array in whole.batch(step).items():
            assert np.array_equal(np.concatenate([part[name] for part in parts]), array)


_OTHER_PROCESS = textwrap.dedent(
    """
    import sys
    sys.path[:0] = [{here!r}, {root!r}]
    from conftest import digest_of, text_task
    from test_stream_processes import LENGTHS, STEPS, _three_tasks
    from t5mix.data import Stream
    print(digest_of(Stream(_three_tasks(text_task), LENGTHS, 8, seed=2, cache_dir={folder!r}), STEPS))
    """
)


STEPS = [*range(10_000), 77_777]


def _three_tasks(make_task):
    text = {"inputs": [""] * 20, "targets": ["abcdefgh ijk " * (n % 7 + 1) for n in range(20)]}
    corrupted = make_task("c", columns=text, after=[objectives.span_corruption, append_eos_after_trim])
    tasks = [(make_task("a"), 1.0), (make_task("b", count=9), 0.7), (corrupted, 2**0.5)]
    return Mixture("m", tasks)


def test_other_processes_hash_seeds_and_numbers_of_threads_give_the_same_bytes(make_task, tmp_path, digest):
    stream = Stream(_three_tasks(make_task), LENGTHS, 8, seed=2, cache_dir=tmp_path / "0")
    expected = digest(stream, STEPS)
    here = Path(__file__).parent
    for threads, folder in (("1", "0"), ("5", "1")):  # the second makes caches of its own
        script = _OTHER_PROCESS.format(here=str(here), root=str(here.parents[1]), folder=str(tmp_path / folder))
        numbers = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads)
        environment = {**os.environ, **numbers, "PYTHONHASHSEED": "random"}
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
        assert result.stdout.strip() == expected, result.stderr


def test_the_order_is_the_same_in_every_version(make_task):
    # A change here changes every run: raise the stream's version with it.
    stream = Stream(make_task("a", count=5), LENGTHS, 2, pack=False)
    assert [index for _, _, index in stream.examples(0) + stream.examples(1)] == GOLDEN


GOLDEN = [2, 4, 0, 1]
