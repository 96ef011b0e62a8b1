"""What a model card says."""

import dataclasses

from t5mix.mesh.interop.hugging_face.model_card import Card, CardScore

CARD = Card(
    title="my mixture",
    mixture="my_mixture",
    tasks=[("task_a", 0.75), ("task|b\n# not a title", None)],
    step=1000,
    parameters=1234567,
    lengths=(128, 32),
    scores=[
        CardScore(task="task_a", metric="accuracy", value=91.234, split="validation", baseline=50.0, examples=400),
        CardScore(task="task_a", metric="f1", value=None, split="validation"),
    ],
    version="1.0",
)


def test_it_names_mixture_tasks_shares_and_scores():
    text = CARD.text()
    assert text.startswith("---\nlibrary_name: transformers\n")
    assert "1,234,567 parameters, trained for 1,000 steps with t5mix 1.0." in text
    assert "| task_a | 75.0% |" in text
    assert "| task_a | accuracy | 91.23 | 50.00 | validation | 400 |" in text
    assert "| task_a | f1 |  |  | validation |  |" in text
    assert "max_new_tokens=32" in text


def test_a_name_stays_within_its_cell():
    assert "| task\\|b # not a title |  |" in CARD.text()


def test_a_model_that_t5mix_has_not_trained_is_made_of_another():
    plain = dataclasses.replace(CARD, base="google/flan-t5-small", mixture="", tasks=[], scores=[]).text()
    assert "1,234,567 parameters, made of google/flan-t5-small with t5mix 1.0." in plain
    assert "Trained on" not in plain and "1,000" not in plain
    on_top = dataclasses.replace(CARD, base="google/flan-t5-small").text()
    assert "On top of that `my_mixture`, with at most 128 tokens" in on_top and "| task_a | 75.0% |" in on_top
