"""Memory and threads stay what they are, however long a stream of many tasks runs."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

STEPS = 240

_RUN = textwrap.dedent(
    """
    import json, sys
    import warnings
    sys.path.insert(0, {root!r})
    warnings.simplefilter("ignore")
    import numpy as np
    from t5mix.data.cache import columns
    from t5mix.data.packing import windows
    from t5mix.data.packing.batches import Batches
    from t5mix.data.packing.capacity import Plan
    from t5mix.data.mixing.mixer import Mixer
    from t5mix.data.examples.trim_and_eos import TrimAndEos
    from t5mix.data.examples.base import CachedExamples

    def task(number):
        rng = np.random.default_rng(number)
        def column(longest):
            lengths = rng.integers(1, longest, 1000)
            values = rng.integers(3, 99, lengths.sum(), np.int32)
            return columns.ArrayColumn((values,), (np.append(0, lengths.cumsum()),))
        return CachedExamples((column(40), column(8)), (TrimAndEos(64), TrimAndEos(16)))

    def told(name):
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(name))

    examples = {{f"task_{{n}}": task(n) for n in range(1000)}}
    rates = {{name: 1.0 + number % 7 for number, name in enumerate(examples)}}
    mixer = Mixer(examples, rates, 0)
    plan = Plan.of(mixer, examples, rates, (64, 16), 1024, 512)
    batches = Batches(tuple(examples.values()), mixer.lengths, windows.PackedRows(mixer, plan, 0),
                      {{"inputs": 64, "targets": 16}}, 512)
    drawn = 0
    for step in range({steps}):
        if step == {steps} // 2:
            warm = told("VmRSS")
        batches.batch(step, 0, 512)
        drawn += len(batches.rows(step).draws.task)
    print(json.dumps([drawn, warm, told("VmRSS"), told("Threads")]))
    """
)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc, which Linux has")
def test_memory_of_a_thousand_tasks_is_flat_and_there_are_few_threads():
    script = _RUN.format(root=str(Path(__file__).parents[3]), steps=STEPS)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    drawn, warm, end, threads = json.loads(result.stdout)

    assert drawn > STEPS * 512
    assert end < 1.02 * warm
    assert threads <= 8
