"""Sentinels are a vocabulary's highest ids, also where the model file holds them, as T5's `...100extra` files do."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece
import tensorflow as tf
from sentencepiece import sentencepiece_model_pb2

import t5mix
from t5mix import objectives, postprocessors, preprocessors
from t5mix.vocabularies.sentinels import count_sentinels, first_sentinel

WORDS = "the cat sat on a mat and saw seven small black dogs run over green hills in rain".split()
TEXTS = [" ".join(WORDS[(i * j) % len(WORDS)] for j in range(1, 40)) for i in range(1, 20)]
LENGTHS = {"inputs": 48, "targets": 48}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SentencePiece model with T5's special ids."""
    folder = tmp_path_factory.mktemp("sentencepiece")
    (folder / "text.txt").write_text("\n".join(TEXTS))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "small"), vocab_size=90, pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return folder / "small.model"


def with_pieces(plain: Path, name: str, count: int, kind: str = "USER_DEFINED", form: str = "▁<extra_id_{}>") -> Path:
    """Returns a model that holds so many sentinels, from the highest number down, as published ones do."""
    model = sentencepiece_model_pb2.ModelProto.FromString(plain.read_bytes())
    for number in reversed(range(count)):
        model.pieces.add(piece=form.format(number), score=0.0, type=model.SentencePiece.Type.Value(kind))
    path = plain.with_name(name)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def examples(vocabulary: t5mix.Vocabulary, objective: Callable) -> list[dict[str, list[int]]]:
    features = {key: t5mix.Feature(vocabulary) for key in ("inputs", "targets")}
    texts = tf.data.Dataset.from_tensor_slices({"targets": TEXTS})
    with t5mix.map_seed_manager(7):
        tokens = preprocessors.tokenize(texts, output_features=features)
        made = objective(tokens, sequence_length=LENGTHS, output_features=features)
        return [
            {key: ids.tolist() for key, ids in each.items() if key in features} for each in made.as_numpy_iterator()
        ]


OBJECTIVES = {
    "span_corruption": objectives.span_corruption,
    "mixture_of_denoisers": objectives.mixture_of_denoisers,
    "denoise": lambda tokens, sequence_length, output_features: preprocessors.denoise(
        tokens,
        output_features,
        noise_density=0.3,
        noise_mask_fn=preprocessors.random_spans_noise_mask,
        inputs_fn=preprocessors.noise_span_to_unique_sentinel,
        targets_fn=preprocessors.nonnoise_span_to_unique_sentinel,
    ),
    "bert_style": objectives.bert_style,
    "add_sentinels": lambda tokens, sequence_length, output_features: preprocessors.add_sentinels(
        tokens.map(lambda each: {"inputs": each["targets"], **each}), output_features, 3
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("form", ["▁<extra_id_{}>", "<extra_id_{}>"])
def test_sentinels_of_the_model_are_those_that_extra_ids_are(plain: Path, name: str, form: str) -> None:
    added = t5mix.SentencePieceVocabulary(plain, extra_ids=100)
    within = t5mix.SentencePieceVocabulary(with_pieces(plain, "100extra.model", 100, form=form))
    assert within.extra_ids == 0 and count_sentinels(within) == 100 == count_sentinels(added)
    assert within.vocab_size == added.vocab_size and first_sentinel(within) == added.vocab_size - 1
    made = examples(within, OBJECTIVES[name])
    assert made == examples(added, OBJECTIVES[name])
    used = {token for each in made for token in each["targets"] + each.get("inputs", [])}
    assert within.vocab_size - 1 in used


@pytest.mark.parametrize("kind", ["CONTROL", "UNUSED", "USER_DEFINED"])
def test_pieces_that_no_text_is_made_of_are_sentinels_by_any_name(plain: Path, kind: str) -> None:
    path = with_pieces(plain, f"{kind}.model", 20, kind, "<mark {}>")
    assert count_sentinels(t5mix.SentencePieceVocabulary(path)) == 20
    assert count_sentinels(t5mix.SentencePieceVocabulary(path, 5)) == 25


def test_a_sentinel_in_front_of_an_answer_is_taken_off(plain: Path) -> None:
    within = t5mix.SentencePieceVocabulary(with_pieces(plain, "100extra.model", 100))
    text = within.decode([within.vocab_size - 1, *within.encode("seven dogs")])
    assert text.startswith("<extra_id_0>")
    assert postprocessors.remove_sentinels(text, vocabulary=within) == "seven dogs"


def test_too_few_are_refused_without_moving_those_there_are(plain: Path) -> None:
    few = t5mix.SentencePieceVocabulary(with_pieces(plain, "few.model", 2))
    with pytest.raises(
        ValueError, match=r"needs \d+ sentinels, .* at the end of its model, 2; lower the length"
    ) as error:
        examples(few, objectives.span_corruption)
    assert "extra_ids=1" not in str(error.value)
    with pytest.raises(ValueError, match="has 0 extra ids; declare it with extra_ids=100"):
        examples(t5mix.SentencePieceVocabulary(plain), objectives.span_corruption)


def test_ids_that_pass_through_take_the_highest_as_t5_does() -> None:
    vocabulary = t5mix.PassThroughVocabulary(size=1000, eos_id=1)
    features = {key: t5mix.Feature(vocabulary) for key in ("inputs", "targets")}
    assert objectives.span_corruption.check(features, LENGTHS) == 999
