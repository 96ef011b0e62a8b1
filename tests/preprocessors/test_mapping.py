"""map_over_dataset and its seeds."""

import functools
import inspect
import threading

import pytest
import tensorflow as tf

import t5mix
from t5mix import map_over_dataset, map_seed_manager
from t5mix.preprocessors import mapping


@map_over_dataset
def add(n: tf.Tensor, much: int = 1) -> tf.Tensor:
    return n + much


@map_over_dataset(num_seeds=1)
def one(n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform([], seed, maxval=2**30, dtype=tf.int32)


@map_over_dataset(num_seeds=3)
def three(n: tf.Tensor, seeds: tuple) -> tf.Tensor:
    return tf.stack([tf.random.stateless_uniform([], seed, maxval=2**30, dtype=tf.int32) for seed in seeds])


def drawn(*steps, seed: int | None = 5, size: int = 4) -> list:
    dataset = tf.data.Dataset.range(size)
    with map_seed_manager(seed):
        for step in steps:
            dataset = step(dataset)
    return [value.tolist() for value in dataset.as_numpy_iterator()]


def test_with_and_without_arguments() -> None:
    assert drawn(add, functools.partial(add, much=10)) == [11, 12, 13, 14]
    assert list(inspect.signature(add).parameters) == ["n", "much"]
    with pytest.raises(ValueError, match="num_seeds is 0"):
        map_over_dataset(add, num_seeds=0)


def test_seeds_follow_from_the_manager_and_differ_by_example() -> None:
    assert drawn(one) == drawn(one) != drawn(one, seed=6)
    assert len(set(drawn(one, size=100))) == 100
    assert drawn(three) == drawn(three)
    assert len({n for row in drawn(three, size=50) for n in row}) == 150
    assert drawn(one, seed=None) != drawn(one, seed=None)


def test_the_seeds_are_seqios() -> None:
    """In seqio 0.0.20 the k-th map draws from Dataset.random(seed + 2k) and (seed + 2k + 1)."""
    pairs = zip(*(tf.data.Dataset.random(n).take(4).as_numpy_iterator() for n in (7, 8)), strict=True)
    expected = [
        tf.random.stateless_uniform([], (a, b), maxval=2**30, dtype=tf.int32).numpy().tolist() for a, b in pairs
    ]
    with map_seed_manager(5):
        one(tf.data.Dataset.range(1))
        assert [n.tolist() for n in one(tf.data.Dataset.range(4)).as_numpy_iterator()] == expected


def test_the_manager_restores_the_seed_also_after_an_error() -> None:
    with map_seed_manager(1):
        expected = [next(iter(one(tf.data.Dataset.range(1)))).numpy() for _ in range(2)]
    with map_seed_manager(1):
        got = [next(iter(one(tf.data.Dataset.range(1)))).numpy()]
        with pytest.raises(KeyError), map_seed_manager(77):
            one(tf.data.Dataset.range(1))
            raise KeyError
        got.append(next(iter(one(tf.data.Dataset.range(1)))).numpy())
    assert got == expected


def test_seeds_taken_are_not_taken_again() -> None:
    assert mapping.take_map_seeds(2) == [None, None]
    with mapping.map_seed_manager(5):
        assert mapping.take_map_seeds(2) == [5, 6] and mapping.take_map_seeds(1) == [7]
        assert mapping.next_map_seed() == 8


def test_another_thread_has_seeds_of_its_own() -> None:
    expected = drawn(one, one)
    with map_seed_manager(5):
        first = one(tf.data.Dataset.range(4))
        thread = threading.Thread(target=drawn, args=(one, three), kwargs={"seed": 99})
        thread.start()
        thread.join()
        second = one(first)
    assert [value.tolist() for value in second.as_numpy_iterator()] == expected


def test_the_placeholder_is_never_called() -> None:
    with pytest.raises(RuntimeError, match="place"):
        t5mix.CacheDatasetPlaceholder()(None)


def test_stateless_shuffle_keeps_elements_and_shape() -> None:
    value = tf.reshape(tf.range(60), [3, 20])
    first, again, other = (t5mix.stateless_shuffle(value, seed).numpy() for seed in ((0, 1), (0, 1), (2, 3)))
    assert first.shape == (3, 20) and sorted(first.ravel()) == list(range(60))
    assert (first == again).all() and (first != other).any() and (first != value.numpy()).any()
    assert t5mix.stateless_shuffle(tf.range(6), (0, 1)).numpy().tolist() == [0, 3, 4, 2, 1, 5]  # seqio's, too


def test_a_mark_is_of_one_function_and_not_of_what_wraps_it() -> None:
    @t5mix.each_example
    def all_of_it(dataset: tf.data.Dataset) -> tf.data.Dataset:
        return dataset

    @map_over_dataset
    def same(example: dict) -> dict:
        return example

    @map_over_dataset(num_seeds=1)
    def noisy(example: dict, seed: tf.Tensor) -> dict:
        return example

    def first_ten(step):
        @functools.wraps(step)
        def wrapper(dataset: tf.data.Dataset) -> tf.data.Dataset:
            return step(dataset).take(10)

        return wrapper

    treats = mapping.treats_each_example
    for step in (all_of_it, same):
        assert treats(step) and treats(functools.partial(functools.partial(step)))
        assert not treats(first_ten(step)) and not treats(functools.partial(first_ten(step)))
        assert treats(t5mix.each_example(first_ten(step)))  # whoever marks it says so
        assert not treats(first_ten(t5mix.each_example(first_ten(step))))
    for step in (noisy, first_ten, tf.data.Dataset.take, None):
        assert not treats(step)
    assert treats(t5mix.each_example(functools.partial(first_ten(same))))


def test_methods_and_objects_may_be_marked() -> None:
    @t5mix.each_example
    class Same:
        def __call__(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
            return dataset

        @t5mix.each_example
        def method(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
            return dataset

    class First(Same):
        def __call__(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
            return dataset.take(1)

    assert mapping.treats_each_example(Same()) and mapping.treats_each_example(Same().method)
    assert not mapping.treats_each_example(First()) and mapping.treats_each_example(t5mix.each_example(First()))
