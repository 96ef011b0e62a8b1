"""A source gives as many examples as it declares, or its cache is refused."""

import functools

import pytest

from t5mix.data.cache import store
from t5mix.data.cache.identity.key import CacheJob
from t5mix.preprocessors import parse_tsv, tokenize
from t5mix.sources import FunctionDataSource, TextLineDataSource


def _tokens(task, folder):
    return store.find_or_make(CacheJob(task, "train", task.steps_before_cache), folder)


def _drop_short(dataset):
    import tensorflow as tf

    return dataset.filter(lambda example: tf.strings.length(example["targets"]) > 3)


def _drop_short_of_each(dataset):
    return _drop_short(dataset)


_drop_short_of_each.each_example = _drop_short_of_each


def _twice(dataset):
    return dataset.concatenate(dataset)


def _first_five(dataset):
    return dataset.take(5)


def _declaring(make_task, count, before=(), permitted=True):
    task = make_task("a", before=before)
    source = FunctionDataSource(task.texts, ["train"], {"train": count}, caching_permitted=permitted)
    steps = task.preprocessors if permitted else [*before, tokenize]
    return task.replace(source=source, preprocessors=steps)


@pytest.mark.parametrize("permitted", [True, False])
@pytest.mark.parametrize("before", [(), (_drop_short,), (_drop_short_of_each,)])
def test_a_source_that_gives_another_number_than_it_declares_is_refused(make_task, tmp_path, before, permitted):
    for count, more in ((41, "it may have ended early"), (39, "declare the number that it has, or none")):
        task = _declaring(make_task, count, before, permitted)
        with pytest.raises(ValueError, match=rf"task 'a', split 'train': .* {count} and gives 40; .*{more}"):
            _tokens(task, tmp_path)
        assert not permitted or not list((tmp_path / "tokens" / "a").glob("*"))
    examples = _tokens(_declaring(make_task, 40, before, permitted), tmp_path).examples
    assert examples == 40 if not before else 0 < examples < 40


def test_steps_that_read_more_than_once_or_not_to_the_end_decide_nothing(make_task, tmp_path):
    assert _tokens(_declaring(make_task, 40, [_twice]), tmp_path).examples == 80
    assert _tokens(_declaring(make_task, 40, [_first_five]), tmp_path).examples == 5
    with pytest.raises(ValueError, match="declares num_input_examples 3 and gives"):
        _tokens(_declaring(make_task, 3, [_first_five]), tmp_path / "other")


@pytest.mark.parametrize("drop", [False, True])
def test_the_examples_of_all_files_are_counted_together(make_task, tmp_path, drop):
    for number in range(3):
        (tmp_path / f"{number}.tsv").write_text("".join(f"in {line}\t{'x' * line}\n" for line in range(1, 7)))
    parse = functools.partial(parse_tsv, field_names=["inputs", "targets"])
    task = make_task("a", before=[parse, *([_drop_short_of_each] if drop else [])])

    def declaring(count):
        return task.replace(source=TextLineDataSource({"train": f"{tmp_path}/*.tsv"}, 0, {"train": count}))

    job = CacheJob(declaring(18), "train", task.steps_before_cache)
    assert job.num_shards == 3
    assert store.find_or_make(job, tmp_path).examples == (9 if drop else 18)
    with pytest.raises(ValueError, match="declares num_input_examples 40 and gives 18; it may have ended early"):
        _tokens(declaring(40), tmp_path / "other")
