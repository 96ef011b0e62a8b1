"""BLEU of translations."""

from collections.abc import Sequence

from t5mix.metrics import pairs


def bleu(
    targets: Sequence[str] | Sequence[Sequence[str]],
    predictions: Sequence[str],
    tokenizer: str = "intl",
) -> dict[str, float]:
    """Returns the BLEU of the corpus by SacreBLEU (Post, 2018, arXiv:1804.08771), 0 to 100.

    Args:
      targets: for each prediction its reference, or a list of references, equally many for each.
      predictions: the translations given.
      tokenizer: SacreBLEU's tokenizer; T5's is "intl".
    """
    pairs.check("bleu", targets, predictions)
    import sacrebleu

    lists = [[target] if isinstance(target, str) else list(target) for target in targets]
    if len({len(references) for references in lists}) != 1:
        raise ValueError("bleu: targets have unequal numbers of references; give each as many")
    streams = [list(stream) for stream in zip(*lists, strict=True)]
    # `force` silences SacreBLEU's warning about text that looks tokenized; it changes no score.
    score = sacrebleu.corpus_bleu(list(predictions), streams, smooth_method="exp", tokenize=tokenizer, force=True)
    return {"bleu": score.score}
