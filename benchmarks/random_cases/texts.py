"""Cases of the preprocessors of text; each function draws one of the preprocessor of its name."""
# ruff: noqa: D103

import dataclasses
from collections.abc import Callable
from typing import Any

from random_cases.draws import Case, Draw, Row, ends, texts


def rekey(draw: Draw) -> Case:
    maps = [None, {}, {"inputs": "a", "targets": "b"}, {"inputs": None, "targets": "a"}, {"x": "missing"}, {"x": ""}]
    return Case({"a": "s", "b": "s"}, texts(draw, "a", "b", count=4), {"key_map": draw.choice(maps)})


def tokenize(draw: Draw) -> Case:
    kind = draw.choice(("s", "s", "s*"))
    make = draw.text if kind == "s" else lambda: draw.several(draw.text)
    rows = [{"inputs": make(), "targets": draw.text(), "idx": draw.randrange(9)} for _ in range(10)]
    arguments = {"copy_pretokenized": draw.random() < 0.5, "with_eos": draw.random() < 0.5}
    return Case({"inputs": kind, "targets": "s", "idx": "l"}, rows, {"output_features": ends(draw), **arguments})


def tokenize_and_append_eos(draw: Draw) -> Case:
    case = tokenize(draw)
    return dataclasses.replace(
        case, arguments={key: value for key, value in case.arguments.items() if key != "with_eos"}
    )


def preprocess_tensorflow_examples(draw: Draw) -> Case:
    formats = ("", "{a}", "{a}{b}", "x {b} \\1 {a} y", "{a} {a}", "{missing}", "{}", "{{a}}", "{n}", "{a")
    arguments = {"inputs_format": draw.choice(formats), "targets_format": draw.choice(formats)}
    rows = [{**row, "n": draw.randrange(9)} for row in texts(draw, "a", "b", count=5)]
    return Case({"a": "s", "b": "s", "n": "i"}, rows, arguments)


def translate(draw: Draw) -> Case:
    codes = ("en", "de", "ro", "zh-cn", "zh_TW", "fil", "xx", "", "pt-BR", "EN", "d")
    source, target = draw.choice(codes), draw.choice(codes)
    rows = [{source: draw.text(), target: draw.text()} for _ in range(5)]
    return Case(dict.fromkeys(rows[0], "s"), rows, {"source_language": source, "target_language": target})


def multi_translate(draw: Draw) -> Case:
    codes = ("en", "de", "fr", "de")

    def row() -> Row:
        languages = draw.sample(codes, draw.randrange(5))
        return {"translations": {"language": languages, "translation": [draw.text() for _ in languages]}}

    spec = {"translations": {"language": "s*", "translation": "s*"}}
    source, target = draw.choice(("en", "de")), draw.choice(("de", "fr"))
    return Case(spec, [row() for _ in range(12)], {"source_language": source, "target_language": target})


def summarize(draw: Draw) -> Case:
    return Case({"a": "s", "b": "s"}, texts(draw, "a", "b"), {"article_key": "a", "summary_key": draw.choice("ab")})


def pad_nonspaced_languages(draw: Draw) -> Case:
    rows = [{"text": row["text"] + chr(draw.randrange(0x0E00, 0x3100)).encode()} for row in texts(draw, "text")]
    return Case({"text": "s"}, rows)


def trivia_qa(draw: Draw) -> Case:
    sides = draw.choice((("entity_pages",), ("search_results",), ("entity_pages", "search_results")))
    inner = {"entity_pages": "wiki_context", "search_results": "search_context"}

    def row() -> Row:
        row = {side: {inner[side]: draw.several(draw.text)} for side in sides}
        answers = draw.several(lambda: draw.choice((draw.plain(3), draw.valid(3))))
        return {"question": draw.text(), "answer": {"normalized_aliases": answers}, **row}

    spec = {"question": "s", "answer": {"normalized_aliases": "s*"}, **{side: {inner[side]: "s*"} for side in sides}}
    return Case(spec, [row() for _ in range(14)])


SQUAD = {"id": "s", "question": "s", "context": "s", "answers": {"text": "s*"}}


def squad(draw: Draw) -> Case:
    return dataclasses.replace(squad_span_space_tokenized(draw), arguments={"include_context": draw.random() < 0.5})


def squad_span_space_tokenized(draw: Draw) -> Case:
    def row() -> Row:
        context = draw.choice((draw.text(), draw.plain(20).encode()))
        words = context.split()
        answer = b" ".join(words[(at := draw.randrange(len(words) + 1)) : at + draw.randrange(3)])
        answers = [answer, *draw.several(draw.text, 3)][draw.random() < 0.1 :]
        return {"id": draw.text(), "question": draw.text(), "context": context, "answers": {"text": answers}}

    return Case(SQUAD, [row() for _ in range(16)])


def random_split_text(draw: Draw) -> Case:
    least = draw.randrange(1, 6)
    words = {"min_words_per_segment": least, "max_words_per_segment": least + draw.randrange(10)}
    return Case({"text": "s"}, texts(draw, "text"), {**words, "max_words_total": draw.choice((None, 5, 8192))})


def split_text_to_words(draw: Draw) -> Case:
    return Case({"text": "s"}, texts(draw, "text"), {"min_num_words": draw.randrange(4)})


def fill_in_the_blank(draw: Draw) -> Case:
    return Case({"text": "s"}, texts(draw, "text"), {"label": draw.choice(("fill: ", "", " é "))})


def fill_in_the_blank_sized(draw: Draw) -> Case:
    bins = draw.choice(((1, 2, 4, 8, 16, 32, 64, 128, 256, 512), (1,), (2, 5), (4, 1), (1, 100)))
    return Case({"text": "s"}, texts(draw, "text"), {"size_bins": bins, "label": draw.choice(("fill: ", "", " é "))})


def neighboring_pairs(draw: Draw) -> Case:
    return Case({"text": "s"}, texts(draw, "text"), {"reuse_sentences": draw.random() < 0.5})


def next_sentence_prediction(draw: Draw) -> Case:
    arguments = {"label_sentences": draw.random() < 0.5, "p_neighbors": draw.choice((0.0, 1.0, 0.5)), "buffer_size": 1}
    case = neighboring_pairs(draw)
    return dataclasses.replace(case, arguments={**case.arguments, **arguments})


def glue(draw: Draw) -> Case:
    kind = draw.choice("ilfb" if draw.random() < 0.2 else "il")
    labels = {"f": lambda: draw.choice((0.0, 0.7, 1.0)), "b": lambda: draw.random() < 0.5}.get(kind, draw.label)
    if draw.random() < 0.3:
        place = {key: draw.randrange(9) for key in ("paragraph", "question", "answer")}
        rows = [{**row, "label": labels(), "idx": place} for row in texts(draw, "paragraph", "question", "answer")]
        spec = {**dict.fromkeys(rows[0], "s"), "label": kind, "idx": dict.fromkeys(place, "i")}
        name, given = "multirc", {}
    else:
        ids = draw.choice(("i", "s"))
        identity = draw.choice((None, "idx", "guid"))
        rows = [
            {**row, "label": labels(), identity or "idx": draw.text() if ids == "s" else 3}
            for row in texts(draw, "b", "A", "sentence1")
        ]
        spec = {**dict.fromkeys(rows[0], "s"), "label": kind, identity or "idx": ids}
        name, given = draw.choice(("qqp", "")), {"id_key": identity}
    if draw.random() < 0.4:
        given = {**given, "feature_names": draw.choice((["A", "b"], ["question", "answer"]))}
    return Case(spec, rows, {"benchmark_name": name, "label_names": ["no", "yes"], **given})


def stsb(draw: Draw) -> Case:
    numbers = (0.0, 0.1, 0.3, 0.5, 2.5, 4.999, 5.0, -1.0, 1e9, float("nan"), float("inf"), 0.7)
    rows = [{**row, "label": draw.choice(numbers), "idx": 3} for row in texts(draw, "sentence1", "sentence2")]
    return Case({"sentence1": "s", "sentence2": "s", "label": "f", "idx": "i"}, rows)


def wsc(draw: Draw) -> Case:
    def row() -> Row:
        text = draw.choice((draw.valid(8), draw.plain()))
        words = text.split() or [""]
        spots = sorted(draw.randrange(len(words)) for _ in range(2))
        one, two = (words[spot] for spot in spots)
        places = {"span1_text": one, "span1_index": spots[0], "span2_text": two, "span2_index": spots[1]}
        return {"text": text, **places, "label": draw.label(), "idx": 7}

    kinds = {"span1_text": "s", "span1_index": "i", "span2_text": "s", "span2_index": "i"}
    return Case({"text": "s", **kinds, "label": draw.choice("il"), "idx": "i"}, [row() for _ in range(16)])


def wsc_simple(draw: Draw) -> Case:
    def row() -> Row:
        words = draw.choice((draw.valid(8), draw.plain(), draw.plain())).split(" ")
        place = draw.randrange(-1, len(words) + 1)
        pronoun = words[max(min(place, len(words) - 1), 0)]
        pronoun = pronoun if draw.random() < 0.8 else draw.choice(("he", pronoun.rstrip(".,!?'"), ""))
        return {"text": " ".join(words), "span1_text": draw.text(), "span2_text": pronoun, "span2_index": place}

    labels = draw.random() < 0.7
    kinds = {"text": "s", "span1_text": "s", "span2_text": "s", "span2_index": "i", "idx": "i"}
    rows = [{**row(), "idx": 7, **({"label": draw.label()} if labels else {})} for _ in range(18)]
    spec = {**kinds, **({"label": "i"} if labels else {})}
    return Case(spec, rows, {"correct_referent_only": draw.random() < 0.3, "label": draw.choice(("wsc:", ""))})


def definite_pronoun_resolution_simple(draw: Draw) -> Case:
    def row() -> Row:
        sentence = draw.choice((draw.valid(8), draw.plain()))
        words = sentence.split() or [""]
        return {"sentence": sentence, "pronoun": draw.choice(words), "candidates": ["Ann", "Bo"], "label": draw.label()}

    spec = {"sentence": "s", "pronoun": "s", "candidates": "s*", "label": "i"}
    return Case(spec, [row() for _ in range(16)], {"label": draw.choice(("wsc:", ""))})


def wnli_simple(draw: Draw) -> Case:
    def row() -> Row:
        words = draw.choice((draw.plain(), draw.plain(), draw.valid(8))).split(" ")
        at = draw.randrange(len(words) + 1)
        pronoun = draw.choice(("it", "It", "he", "they.", "his", "her,", "it.\n"))
        noun = draw.choice(("the cat", "Ann", "an old dog's", "(Bo)", "Köln"))
        premise, hypothesis = ([*words[:at], word, *words[at:]] for word in (pronoun, noun))
        cut = draw.randrange(3)
        row = {"sentence1": " ".join(premise) + draw.choice(("", ".")), "sentence2": " ".join(hypothesis[cut:]) + "."}
        return {**row, "idx": 3, "label": draw.label()}

    spec = {"sentence1": "s", "sentence2": "s", "idx": "i", "label": "i"}
    return Case(spec, [row() for _ in range(20)])


def record(draw: Draw) -> Case:
    def row() -> Row:
        entities = draw.several(draw.text)
        place = {"passage": draw.randrange(9), "query": draw.randrange(9)}
        answers = draw.several(draw.text, 4)
        return {"passage": draw.text(), "query": draw.text(), "entities": entities, "answers": answers, "idx": place}

    spec = {"passage": "s", "query": "s", "entities": "s*", "answers": "s*", "idx": {"passage": "i", "query": "i"}}
    return Case(spec, [row() for _ in range(14)])


def lm(draw: Draw) -> Case:
    name = draw.choice(("text", "text", "x"))
    return Case({name: "s"}, texts(draw, name))


def rank_classification(draw: Draw) -> Case:
    rows = [
        {
            "inputs": draw.several(draw.text, 4),
            "label": draw.label(3),
            "weight": draw.random(),
            "more": draw.tokens(4) or [5],  # no tokens end T5's process: a fault of Dataset.unbatch
        }
        for _ in range(10)
    ]
    few = draw.random() < 0.3

    def answers(row: Row) -> Any:
        import tensorflow as tf

        return tf.one_hot(row["label"], tf.size(row["inputs"]) - int(few))

    functions = {"inputs_fn": lambda row: row["inputs"], "targets_fn": lambda row: row["inputs"]}
    kept = draw.choice((None, ["label"], ["more", "weight"], ["targets"]))
    weight = draw.choice((None, lambda row: row["weight"]))
    given = {"weight_fn": weight, "mode": draw.choice(("train", "eval", "eval", "fewshot_eval", "test"))}
    spec = {"inputs": "s*", "label": "i", "weight": "f", "more": "i*"}
    return Case(spec, rows, {**functions, "is_correct_fn": answers, "passthrough_feature_keys": kept, **given})


def rank_classification_formatter(draw: Draw) -> Case:
    several = (["{a}", "{b}"], ["x {a} {b}", "{b}", "no"], ["{inner/c}", "{a}{b}"], ["{missing}", "{a}"], ["{inner}"])
    one = ("", "{a} so", "{n}", "{inner/c} \\1")
    inputs = draw.choice((*one, *several))
    targets = draw.choice(several if isinstance(inputs, str) or draw.random() < 0.5 else one)
    labels = draw.choice(("i", "i*"))
    rows = [
        {**row, "n": 3, "weight": 0.5, "inner": {"c": draw.text()}, "label": draw.label() if labels == "i" else [0, 2]}
        for row in texts(draw, "a", "b", count=8)
    ]
    spec = {"a": "s", "b": "s", "n": "i", "weight": "f", "inner": {"c": "s"}, "label": labels}
    given = {"mode": draw.choice(("train", "eval", "fewshot_eval")), "weight_key": draw.choice((None, "weight"))}
    return Case(spec, rows, {"inputs_formats": inputs, "targets_formats": targets, **given})


def lines(draw: Draw, delimiter: str, count: int) -> list[bytes]:
    """Returns lines of fields, most of them with `count`."""
    numbers = (count, count, count, count + 1, count - 1, 0)
    fields = [[draw.valid(4) for _ in range(max(draw.choice(numbers), 0))] for _ in range(16)]
    if draw.random() < 0.7:
        fields = [[field.replace("\n", "").replace("\r", "") for field in line] for line in fields]
    return [delimiter.join(line).encode() for line in fields]


def parse_tsv(draw: Draw) -> Case:
    names = draw.choice((None, ["a", "b", "c"], ["a"]))
    count = len(names or "it")
    columns = draw.choice((None, None, list(range(count)), list(range(1, count + 1)), list(range(count))[::-1], [0]))
    delimiter = draw.choice(("\t", ",", "|"))
    given = {"field_names": names, "field_columns": columns, "field_delim": delimiter}
    return Case("s", lines(draw, delimiter, count + (columns or [0])[0]), given)


def preprocess_tsv(draw: Draw) -> Case:
    names = draw.choice((None, ["a", "b"]))
    formats = ("{a}", "x {b}: {a}", "{0}") if names else ("{0}", "{1} {0}{0}", "a {2} é", "", "{}", "{{0}}", "{x}")
    count = 2 if names else draw.choice((2, 3))
    given = {"inputs_format": draw.choice(formats), "targets_format": draw.choice(formats), "num_fields": count}
    delimiter = draw.choice(("\t", ","))
    given = {**given, "field_names": names, "use_quote_delim": draw.random() < 0.3, "field_delim": delimiter}
    return Case("s", lines(draw, delimiter, count), given)


def filter_by_string_length(draw: Draw) -> Case:
    least = draw.randrange(4)
    return Case({"targets": "s"}, texts(draw, "targets"), {"min_length": least, "max_length": draw.randrange(40)})


FUNCTIONS = (
    *(rekey, tokenize, tokenize_and_append_eos, preprocess_tensorflow_examples, translate, multi_translate, summarize),
    *(pad_nonspaced_languages, trivia_qa, squad, squad_span_space_tokenized, random_split_text, split_text_to_words),
    *(fill_in_the_blank, fill_in_the_blank_sized, neighboring_pairs, next_sentence_prediction, glue, stsb, wsc),
    *(wsc_simple, definite_pronoun_resolution_simple, wnli_simple, record, lm, rank_classification),
    *(rank_classification_formatter, parse_tsv, preprocess_tsv, filter_by_string_length),
)
# name of a preprocessor -> what draws a case of it
CASES: dict[str, Callable[[Draw], Case]] = {function.__name__: function for function in FUNCTIONS}
