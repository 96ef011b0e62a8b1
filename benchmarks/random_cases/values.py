"""Calls of postprocessors, metrics and vocabularies; each function draws one of the function of its name."""
# ruff: noqa: D103

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import t5mix
from random_cases.draws import Draw, Sided

# One call: positional and keyword arguments.
Call = tuple[Sequence[Any], Mapping[str, Any]]

NUMBERS = ("", "1", " 2.5 ", "-1e3", "1e999", "nan", "inf", "-Infinity", "1_000", "٣", "3,5", "0x10", "one", "5.", ".5")
CLASSES = ("a", "b", "the cat", "", "é")


def string_to_float(draw: Draw) -> Call:
    return [draw.choice((*NUMBERS, draw.valid(3)))], draw.choice(({}, {"default": 0.5}))


def lower_text(draw: Draw) -> Call:
    return [draw.valid()], {}


def string_label_to_class_id(draw: Draw) -> Call:
    label = draw.choice((*CLASSES, "A", "the", draw.valid(3)))
    return [label], {"label_classes": draw.choice((CLASSES, list(CLASSES), [])), **draw.choice(({}, {"default": 7}))}


def of_example(draw: Draw, **features: Any) -> dict[str, Any]:
    """Returns the keyword arguments of a postprocessor; now and then a feature or the whole example is missing."""
    example = {name: value for name, value in features.items() if draw.random() < 0.95}
    return draw.choice(({"example": example, "is_target": True}, {"example": example}, {"is_target": False}, {}))


def answers(draw: Draw) -> Any:
    """Returns answers as a data set holds them: texts, bytes, arrays, perhaps no UTF-8, perhaps none."""
    some = draw.several(draw.choice((draw.text, draw.valid, lambda: draw.valid(4).encode())), 4)
    return draw.choice((some, tuple(some), np.array(some, object)))


def qa(draw: Draw) -> Call:
    return [draw.valid()], of_example(draw, answers=answers(draw))


def span_qa(draw: Draw) -> Call:
    return [draw.valid()], of_example(draw, answers=answers(draw), context=draw.choice((draw.text(), draw.valid())))


def multirc(draw: Draw) -> Call:
    label = draw.choice(("True", "False", "true", "", draw.valid(2)))
    return [label], of_example(draw, **{"idx/question": draw.choice((3, np.int32(4)))})


def record(draw: Draw) -> Call:
    return [draw.valid()], of_example(draw, answers=answers(draw), **{"idx/passage": 3, "idx/query": np.int64(4)})


def wsc_simple(draw: Draw) -> Call:
    prediction = draw.choice((draw.plain(4), draw.valid(4), draw.text(4), " The ", "Bob's hat"))
    target = draw.choice((draw.plain(4).encode(), draw.text(4), draw.valid(4)))
    return [prediction], of_example(draw, targets_pretokenized=target, label=draw.label())


def rank_classification_of_score(draw: Draw) -> Call:
    features = {"idx": np.array([3, draw.randrange(4)]), "is_correct": draw.random() < 0.5, "targets": draw.tokens(5)}
    kept = draw.choice(({}, {"passthrough_feature_keys": ["more"]}))
    return [draw.random()], {**of_example(draw, **features, weight=np.float32(0.5), more=b"x"), **kept}


POSTPROCESSORS: dict[str, Callable[[Draw], Call]] = {
    **{
        function.__name__: function
        for function in (string_to_float, lower_text, string_label_to_class_id, qa, span_qa, multirc, record)
    },
    "wsc_simple": wsc_simple,
    "rank_classification": rank_classification_of_score,
}


# Metrics: targets and predictions.


def both(draw: Draw, make: Callable[[], Any], change: Callable[[Any], Any] | None = None) -> list[list[Any]]:
    """Returns targets and predictions of which some are right, now and then of unequal number, or none."""
    count = draw.choice((0, 1, 1, 2, 3, 5, 12, 30))
    targets = [make() for _ in range(count)]
    predictions = [(change or (lambda value: value))(value) if draw.random() < 0.5 else make() for value in targets]
    if draw.random() < 0.03 and predictions:
        predictions.pop()
    return [targets, predictions]


def of_texts(draw: Draw) -> Call:
    return both(draw, draw.choice((draw.valid, draw.plain, lambda: draw.plain(3))), str.title), {}


def of_answers(draw: Draw) -> Call:
    text = draw.choice((draw.valid, lambda: draw.plain(4)))
    targets, predictions = both(draw, text, lambda value: value.upper() + ".")
    if draw.random() < 0.03:
        return [targets, predictions], {}
    return [[[target, *draw.several(text, 3)][draw.random() < 0.02 :] for target in targets], predictions], {}


def span_squad(draw: Draw) -> Call:
    def place() -> str:
        start = draw.randrange(6)
        spoilt = ("", "start: 1", "start: a end: b", draw.valid(), f"start {start} end {start} more", "start: 3 end: 1")
        return draw.choice((f"start: {start} end: {start + draw.randrange(3)}",) * 5 + spoilt)

    targets, predictions = both(draw, place)
    contexts = [draw.choice((draw.valid(10), draw.plain(20))) for _ in targets]
    found = [" ".join(context.split()[:2]) for context in contexts]
    return [[{"answers": [a], "context": c} for a, c in zip(found, contexts, strict=True)], predictions], {}


def bleu(draw: Draw) -> Call:
    targets, predictions = of_texts(draw)[0]
    if draw.random() < 0.4:
        targets = [[target] * 2 for target in targets]
    return [targets, predictions], draw.choice(({}, {}, {"tokenizer": "13a"}))


def rouge(draw: Draw) -> Call:
    pair = [side[:1] for side in of_texts(draw)[0]]  # the middle of a bootstrap of one is that one
    return pair, draw.choice(({}, {"score_keys": ["rouge1"]}, {"use_stemmer": True}))


def accuracy(draw: Draw) -> Call:
    make = draw.choice((draw.valid, lambda: draw.plain(3), draw.label, lambda: draw.random() < 0.5))
    other = draw.choice((None, None, None, lambda value: [value], str))
    return both(draw, make, other), {}


def sequence_accuracy(draw: Draw) -> Call:
    tokens = lambda: draw.tokens(4)  # noqa: E731
    kinds = ((draw.valid, None), (draw.label, None), (tokens, None), (tokens, np.array), (tokens, tuple))
    return both(draw, *draw.choice(kinds)), {}


def of_numbers(draw: Draw) -> Call:
    numbers = draw.choice((draw.random, lambda: draw.randrange(3), lambda: draw.choice((0.0, 5.0, -1.0, 1e9))))
    if draw.random() < 0.1:
        numbers = lambda: draw.choice((1.0, 2.0, float("nan"), float("inf")))  # noqa: E731
    return both(draw, numbers, lambda value: value * 2), {}


def of_classes(draw: Draw) -> Call:
    classes = draw.choice((2, 3))
    targets, predictions = both(draw, lambda: draw.randrange(classes) if draw.random() < 0.98 else -1)
    wrong = [draw.choice((each, each, each, -1, 7)) for each in predictions]
    as_array = draw.random() < 0.3
    return [np.array(side) if as_array else side for side in (targets, wrong)], {}


def all_match(draw: Draw) -> Call:
    make = draw.choice((draw.valid, draw.label, lambda: draw.tokens(3), lambda: draw.several(draw.valid, 3)))
    targets, predictions = both(draw, make)
    return [targets, list(targets) if draw.random() < 0.5 else predictions], {}


def of_groups(draw: Draw) -> Call:
    targets, predictions = of_classes(draw)[0]
    groups = [draw.choice((0, 1, (5, 7), "g")) for _ in targets]
    targets = [{"value": int(value), "group": group} for value, group in zip(targets, groups, strict=True)]
    return [targets, [{"value": int(value)} for value in predictions]], {}


def auc(draw: Draw) -> Call:
    threshold = draw.choice((None, 0.5))
    make = draw.random if threshold else lambda: draw.randrange(2)
    targets, scores = both(draw, make)
    return [targets, [draw.choice((0.5, draw.random())) for _ in scores]], {"targets_threshold": threshold}


def rank_classification(draw: Draw) -> Call:
    classes = draw.choice((1, 2, 2, 3))
    targets = []
    for example in range(draw.choice((0, 1, 2, 5, 12))):
        right = draw.sample(range(classes), draw.choice((0, 1, 1, 1, 1, min(classes, 2))))
        weight = draw.choice((1.0, 0.5, 2.0, 0.0))
        targets += [((example, place), place in right, weight, draw.randrange(1, 5)) for place in range(classes)]
    draw.shuffle(targets)
    if draw.random() < 0.05:
        targets = [(*target, "more") for target in targets]
    if targets and draw.random() < 0.05:
        targets.append(targets[0])
    numbers = (-0.5, -1.0, draw.random(), -1e30, float("-inf"), float("nan"))
    scores = [draw.choice((*numbers[:3], *numbers) if draw.random() < 0.2 else numbers[:3]) for _ in targets]
    given = {"num_classes": draw.choice((None, classes)), "normalize_by_target_length": draw.random() < 0.3}
    return [targets, scores], given


def edit_distance(draw: Draw) -> Call:
    return of_texts(draw)[0], {"lower": draw.random() < 0.5}


METRICS: dict[str, Callable[[Draw], Call]] = {
    **{
        function.__name__: function
        for function in (span_squad, bleu, rouge, accuracy, sequence_accuracy, all_match, auc, rank_classification)
    },
    "edit_distance": edit_distance,
    "squad": of_answers,
    "trivia_qa": of_answers,
    "coqa_f1": of_answers,
    "pearson_corrcoef": of_numbers,
    "spearman_corrcoef": of_numbers,
    "f1_score_with_invalid": of_classes,
    "multirc_f1_over_all_answers": of_groups,
    "score_auc": auc,
}

# Metrics made by a function of another one: name -> its arguments, for either library's metrics, and what draws a call.
MADE_METRICS: dict[str, tuple[Callable[[Any], Call], Callable[[Draw], Call]]] = {
    "mean_multiclass_f1": (lambda metrics: ([3], {}), of_classes),
    "sklearn_metrics_wrapper": (
        lambda metrics: (["matthews_corrcoef", "mcc"], {"metric_post_process_fn": lambda value: 100 * value}),
        of_classes,
    ),
    "deduplicate_metric": (lambda metrics: ([metrics.accuracy], {}), of_groups),
    "mean_group_metric": (lambda metrics: ([metrics.accuracy], {"return_subgroup_scores": True}), of_groups),
}


# Parts of objectives: what draws noise, and lengths.


def mask(draw: Draw) -> Call:
    seeds = [[draw.randrange(1000), draw.randrange(1000)] for _ in range(2)]
    return [draw.choice((1, 2, 3, 10, 57)), draw.choice((0.1, 0.15, 0.5))], {"seeds": seeds}


def spans_mask(draw: Draw) -> Call:
    given, named = mask(draw)
    return given, {**named, "mean_noise_span_length": draw.choice((1.0, 3.0, 10.0)), "random_roll": draw.random() < 0.3}


def random_spans_helper(draw: Draw) -> Call:
    spans = {"noise_density": draw.choice((0.15, 0.3, 0.5)), "mean_noise_span_length": draw.choice((1.0, 3.0, 8.0))}
    extra = {f"extra_tokens_per_span_{side}": draw.randrange(2) for side in ("inputs", "targets")}
    return [], {"inputs_length": draw.randrange(2, 600), **spans, **extra}


OBJECTIVES: dict[str, Callable[[Draw], Call]] = {
    "iid_noise_mask": mask,
    "regular_noise_mask": mask,
    "random_prefix_noise_mask": mask,
    "random_spans_noise_mask": spans_mask,
    "random_spans_helper": random_spans_helper,
}


# Vocabularies.


def vocabularies() -> dict[str, Sided]:
    """Returns vocabularies of both libraries by name."""
    import seqio

    made = {
        "ByteVocabulary": ([], {"extra_ids": 3}),
        "FullCodepointVocabulary": ([], {}),
        "PartialCodepointVocabulary": ([[ord(letter) for letter in "abcdehnst .,öé🙂"]], {"extra_ids": 2}),
        "PassThroughVocabulary": ([300], {"eos_id": 1}),
    }
    return {
        name: Sided(getattr(t5mix, name)(*given, **named), getattr(seqio, name)(*given, **named))
        for name, (given, named) in made.items()
    }


def vocabulary_case(name: str, method: str) -> Callable[[Draw], Call]:
    """Returns what draws a call of a method of a vocabulary."""
    size = {"ByteVocabulary": 262, "FullCodepointVocabulary": 0x500, "PartialCodepointVocabulary": 20}.get(name, 300)

    def ids(draw: Draw) -> Call:
        import tensorflow as tf

        row = [draw.randrange(size) if draw.random() < 0.97 else size + 5 for _ in range(draw.randrange(12))]
        if not method.endswith("_tf"):
            return [row], {}
        return [tf.constant(draw.choice((row, [row, row[::-1]])), tf.int32)], {}

    def text(draw: Draw) -> Call:
        import tensorflow as tf

        if not method.endswith("_tf"):
            return [draw.valid()], {}
        return [tf.constant(draw.choice((draw.valid(), draw.several(draw.valid))), tf.string)], {}

    return ids if method.startswith("decode") or name == "PassThroughVocabulary" else text
