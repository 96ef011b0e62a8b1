"""What a checkpoint holds of the stream, and what is refused with it."""

import json

import pytest

from t5mix.data import Stream, state
from t5mix.declarations.mixture import Mixture
from t5mix.preprocessors import append_eos, append_eos_after_trim

LENGTHS = {"inputs": 32, "targets": 17}


def test_state_is_small_json_and_accepts_its_own_stream(mixture):
    stream = Stream(mixture, LENGTHS, 8)
    state = json.loads(json.dumps(stream.state(12)))
    assert state["step"] == 12
    Stream(mixture, LENGTHS, 8).check_state(state)


def test_a_thousand_tasks_with_long_names_have_a_state_under_64_kib():
    names = [f"a_benchmark_with_a_long_name_of_task_{i:04d}" for i in range(1000)]
    assert min(map(len, names)) >= 40
    total = sum(1 / (i + 3) for i in range(1000))
    told = state.tasks(
        dict.fromkeys(names, "0123456789abcdef" * 4), {n: 1 / (i + 3) / total for i, n in enumerate(names)}
    )
    assert len(json.dumps({**told, "the rest": "x" * 400})) < 65536


def test_changed_streams_are_refused_by_name(make_task):
    def stream(rate=1.0, longest=30, names=("a", "b"), after=append_eos, **options):
        tasks = [(make_task(name, longest=longest, after=[after]), rate if name == "a" else 1.0) for name in names]
        arguments = {"batch_size": 4, "lengths": LENGTHS, **options}
        return Stream(Mixture("m", tasks), **arguments)

    state = stream().state(5)
    stream().check_state(state)
    for changed, message in [
        (stream(rate=2.0), "task 'a' had share 0.5, now 0.66"),
        (stream(longest=31), "task 'a' has other examples, steps or vocabularies"),
        (stream(after=append_eos_after_trim), "task 'a' has other examples"),
        (stream(names=("a", "b", "c")), "task 'c' is new"),
        (stream(names=("b", "c")), "task 'a' is gone"),
        (stream(seed=1), "seed was 0 and is 1"),
        (stream(batch_size=8), "batch_size was 4 and is 8"),
        (stream(lengths={"inputs": 32, "targets": 8}), "lengths was"),
        (stream(pack=False), "pack was True and is False"),
        (stream(rate=1 + 1e-9), "shares of tasks changed, each by less than a part in 100,000"),
    ]:
        with pytest.raises(ValueError, match=message):
            changed.check_state(state)
    with pytest.raises(ValueError, match=r"feeds examples in another order \(version of the stream was 2 and is"):
        stream().check_state({**state, "version": 2, "tasks": {}})
