import dataclasses

import pytest

from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.fine_tuning.settings import prompt_tuning
from t5mix.runs.config.settings import Evaluation, Finetuning, Run, Training, settings
from t5mix.training.schedules import constant

MODEL = T5Config(vocab_size=264, d_model=16, d_ff=32, num_heads=2, d_kv=8, num_encoder_layers=1, num_decoder_layers=1)


def make_run(**changes):
    defaults = dict(
        folder="runs/x", mixture="toy", sequence_length={"inputs": 16, "targets": 8}, batch_size=4, model=MODEL
    )
    return Run(**(defaults | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "Run.batch_size is 0: it must be at least 1"),
        ({"folder": ""}, "Run.folder is empty"),
        ({"mixture": ""}, "Run.mixture is empty"),
        ({"seed": -1}, "Run.seed is -1"),
        ({"seed": 2**31}, "Run.seed is 2147483648"),
        ({"include": ["a", "a"]}, "Run.include names a more than once"),
        ({"sequence_length": {"inputs": 0}}, "Run.sequence_length gives 'inputs' 0 tokens"),
        ({"sequence_length": {"inputs": 2**40}}, "gives 'inputs' 1099511627776 tokens: .* at most 4,194,304"),
        ({"batch_size": 2**40}, "Run.batch_size is 1099511627776: .* at most 2,147,483,647"),
    ],
)
def test_a_run_refuses_what_can_not_be(changes, message):
    with pytest.raises(ValueError, match=message):
        make_run(**changes)


@pytest.mark.parametrize("name", ["steps", "log_every", "checkpoint_every", "keep"])
@pytest.mark.parametrize("kind", [Training, Finetuning])
def test_counts_of_steps_are_at_least_one(kind, name):
    arguments = {"steps": 5, "schedule": constant()} | {name: 0}
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.{name} is 0: it must be at least 1"):
        kind(**arguments)


def test_finetuning_refuses_a_task_named_twice_and_an_empty_checkpoint():
    with pytest.raises(ValueError, match=r"Finetuning.tasks names a more than once"):
        Finetuning(steps=1, schedule=constant(), tasks=("a", "a"))
    with pytest.raises(ValueError, match=r"Finetuning.checkpoint is empty"):
        Finetuning(steps=1, schedule=constant(), checkpoint="")
    with pytest.raises(ValueError, match=r"Finetuning.trained_before is 'alone', which goes onto the checkpoint"):
        Finetuning(steps=1, schedule=constant(), trained_before="alone")


def test_evaluation_refuses_an_empty_split_and_a_limit_of_nothing():
    with pytest.raises(ValueError, match=r"Evaluation.split is empty"):
        Evaluation(split="")
    with pytest.raises(ValueError, match=r"Evaluation.limit is 0"):
        Evaluation(limit=0)


def test_evaluation_decodes_at_the_run_s_batch_size_unless_told():
    assert make_run().evaluation_batch_size == 4
    assert make_run(evaluation=Evaluation(batch_size=9)).evaluation_batch_size == 9


def test_lists_of_gin_files_become_tuples():
    assert make_run(include=["a"]).include == ("a",)
    assert Finetuning(steps=1, schedule=constant(), tasks=["b"]).tasks == ("b",)


def test_settings_name_every_field_of_every_part_once():
    run = make_run(train=Training(steps=5, schedule=constant()))
    named = dict(settings(run))
    assert len(named) == len(list(settings(run)))
    assert named["Training.schedule"] == constant()
    assert named["T5Config.d_ff"] == 32
    assert named["Run.finetune"] is None
    fields = {f"Run.{field.name}" for field in dataclasses.fields(Run)}
    parts = {"Run.model", "Run.mesh", "Run.train", "Run.evaluation", "Run.decoding"}
    assert fields - parts <= set(named)


@pytest.mark.parametrize("kind", [Training, Finetuning])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"micro_batches": 0}, "micro_batches is 0: it must be at least 1"),
        ({"loss_denominator": "words"}, "loss_denominator is 'words': choose 'tokens' or 'positions'"),
        ({"loss_denominator": -1.0}, "loss_denominator is -1.0"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0: it must be positive and finite, or None"),
        ({"skip_non_finite": -1}, "skip_non_finite is -1: it must be at least 0"),
    ],
)
def test_options_of_a_step_that_can_not_be(kind, changes, message):
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.{message}"):
        kind(steps=1, schedule=constant(), **changes)


def test_a_step_must_fit_the_batch_and_the_rows():
    with pytest.raises(ValueError, match=r"Training.micro_batches is 3: Run.batch_size, 4, must be a multiple"):
        make_run(train=Training(steps=1, schedule=constant(), micro_batches=3))
    prompt = Finetuning(steps=1, schedule=constant(), trained=prompt_tuning())
    with pytest.raises(ValueError, match=r"Finetuning.trained is @prompt_tuning\(\), .*Run.packing = False"):
        make_run(finetune=prompt)
    assert make_run(finetune=prompt, packing=False).finetune.as_training().trained == prompt_tuning()
