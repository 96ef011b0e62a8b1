import dataclasses

import pytest

from t5mix.evaluation.decoding import Answer
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.state import State
from t5mix.mesh.t5.fine_tuning.settings import adapters, gradual_unfreezing, matching, prompt_tuning
from t5mix.runs.answers.ensembles import Ensemble, check_ensemble, voted
from t5mix.runs.components import Components
from t5mix.runs.config import binding
from t5mix.runs.preflight import tasks
from t5mix.runs.preflight.checks import Checked


def model(*answers):
    def answer(inputs, /, *, first=0, tell=None):
        if tell:
            tell(len(inputs))
        return [[Answer(ids, score)] for ids, score in answers]

    return answer


def test_what_most_say_is_the_answer_and_of_equals_the_likelier():
    together = voted(
        [
            model(([1], -5.0), ([1], -1.0), ([1], -3.0)),
            model(([2], -0.1), ([2], -2.0), ([2], -2.0)),
            model(([1], -5.0), ([3], -4.0), ([2], -9.0)),
        ],
        best=2,
    )
    told = []
    found = together([[5], [6], [7]], tell=told.append)
    assert [answers[0].ids for answers in found] == [[1], [1], [2]]
    assert found[0] == [Answer([1], 2 / 3), Answer([2], 1 / 3)]
    assert told == [1, 2, 3]


@pytest.fixture
def checked(toy, gin_file):
    run = binding.bind([str(gin_file)]).run
    return Checked(run, tasks.find_provider("toy", ()), checkpoint="first")


def other(checked, **changed):
    run = dataclasses.replace(checked.run, **changed)
    return dataclasses.replace(checked, run=run, checkpoint="runs/b/checkpoints/6")


def test_models_that_cannot_answer_together_are_refused(checked, add_task):
    import t5mix

    check_ensemble(checked, [other(checked, batch_size=8)], "mean")
    larger = other(checked, model=dataclasses.replace(checked.run.model, d_ff=64))
    with pytest.raises(ValueError, match=r"--ensemble runs/b/checkpoints/6 is of another model .*T5Config.d_ff .*vote"):
        check_ensemble(checked, [larger], "mean")
    check_ensemble(checked, [larger], "vote")
    with pytest.raises(ValueError, match=r"--ensemble runs/b/.* was trained with Run.sequence_length"):
        check_ensemble(checked, [other(checked, sequence_length={"inputs": 9, "targets": 8})], "vote")
    strange = add_task("toy_strange", vocabulary=t5mix.ByteVocabulary(extra_ids=6))
    with pytest.raises(ValueError, match=r"--ensemble runs/b/.* names toy_strange, whose vocabulary"):
        check_ensemble(checked, [dataclasses.replace(other(checked), provider=strange)], "vote")


@pytest.mark.parametrize(
    ("theirs", "alike"),
    [
        (matching(patterns=("decoder/",)), True),
        (gradual_unfreezing(), True),
        (adapters(), False),
        (prompt_tuning(length=5), False),
    ],
)
def test_the_mean_is_of_models_with_the_same_weights_however_they_were_trained(checked, monkeypatch, theirs, alike):
    monkeypatch.setattr(Components, "restore", lambda components, checkpoint: State([], [], theirs))
    states = Ensemble(checked, [other(checked)], "mean")._states
    assert len(states(State([], [], theirs))) == 1
    if alike:
        assert len(states(State([], []))) == 1
    else:
        with pytest.raises(ValueError, match=r"runs/b/.*T5's than .*(adapters|prompt).* there, everything"):
            states(State([], []))


def test_prompts_of_one_length_have_a_mean_whatever_they_began_with(checked, monkeypatch):
    monkeypatch.setattr(Components, "restore", lambda components, checkpoint: State([], [], prompt_tuning(length=5)))
    states = Ensemble(checked, [other(checked)], "mean")._states
    assert len(states(State([], [], prompt_tuning(length=5, start="random")))) == 1
    with pytest.raises(ValueError, match="other weights besides T5's"):
        states(State([], [], prompt_tuning(length=6)))


def test_all_that_vote_decode_by_the_settings_of_the_first(checked, monkeypatch):
    monkeypatch.setattr(Components, "restore", lambda components, checkpoint: checkpoint)
    first = dataclasses.replace(checked, run=dataclasses.replace(checked.run, decoding=Decoding(beams=4)))
    ((components, state),) = Ensemble(first, [other(checked)], "vote")._restored()
    assert components.run.decoding == first.run.decoding and state == "runs/b/checkpoints/6"
