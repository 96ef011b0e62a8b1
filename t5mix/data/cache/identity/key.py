"""What decides a token cache, and its key, which is a hash of that.

The tokens of a task's split follow from the source's content, the steps before the cache, the vocabularies, and the
code and libraries that run them. Steps and vocabularies are shared by many tasks: what is asked of each is found out
once, see `FingerprintMemo`.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from t5mix.data.cache.identity import probes
from t5mix.data.tokenization.task_shard import TaskShard
from t5mix.declarations.task import Task
from t5mix.internal.code import fingerprints, revisions, signatures, source_code
from t5mix.internal.paths import file_name
from t5mix.preprocessors import objectives
from t5mix.preprocessors.mapping import makes_one_of_each, treats_each_example
from t5mix.preprocessors.pipeline import Step
from t5mix.sources import TableDataSource, TextLineDataSource, TFExampleDataSource
from t5mix.vocabularies import Vocabulary
from t5mix.vocabularies.features import Feature

# Sources whose fingerprints are their files' alone.
_ASKED_AGAIN = (TextLineDataSource, TableDataSource, TFExampleDataSource)

# Raise when the files' layout, or the code that fills them, changes.
FORMAT = 3
# Libraries that any task's tokens may depend on, besides those that its own code asks for.
_LIBRARIES = ("sentencepiece", "tensorflow", "tensorflow-text")

_Answer = TypeVar("_Answer")


class FingerprintMemo:
    """Answers about steps and vocabularies, kept for as long as this object lives.

    A file that they read may change while a process runs. So this is for the moment in which the caches of many tasks
    are looked up, or of a few begun: `check_unchanged` asks again before a cache gets its name.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], tuple[object, Any, set[str]]] = {}

    def step_fingerprint(self, task: Task, step: Step) -> str:
        """Returns the identity of a step; see the function of this name."""
        return self._once("fingerprint", step, lambda: step_fingerprint(task, step))

    def features(self, features: Mapping[str, Feature]) -> dict[str, list[Any]]:
        """Returns what decides the ids of features, as JSON: by name the vocabulary's content, the dtype, the rank."""
        return {
            name: [self._vocabulary_fingerprint(feature.vocabulary), str(feature.dtype), feature.rank]
            for name, feature in sorted(features.items())
        }

    def eos_id(self, vocabulary: Vocabulary) -> int | None:
        """Returns the vocabulary's EOS."""
        return self._once("eos", vocabulary, lambda: vocabulary.eos_id)

    def probe(self, vocabulary: Vocabulary) -> list[str]:
        """Returns what the vocabulary makes of the probes; see `probes.answers`."""
        return self._once("probe", vocabulary, lambda: probes.answers(vocabulary))

    def _vocabulary_fingerprint(self, vocabulary: Vocabulary) -> str:
        return self._once("fingerprint", vocabulary, lambda: vocabulary_fingerprint(vocabulary))

    def _once(self, question: str, value: object, ask: Callable[[], _Answer]) -> _Answer:
        found = self._answers.get((question, id(value)))
        if found is None:
            with fingerprints.libraries() as met:
                answer = ask()
            # With the value itself, so that no other gets its number while this lives.
            found = self._answers[question, id(value)] = (value, answer, met)
        fingerprints.meet(found[2])
        return found[1]


def vocabulary_fingerprint(vocabulary: Vocabulary) -> str:
    """Returns a vocabulary's fingerprint, and where a class of the user's inherits it, one of that class besides."""
    fingerprint = vocabulary.fingerprint
    return fingerprint if tells_all(vocabulary) else fingerprints.digest(fingerprint, type(vocabulary))


def tells_all(vocabulary: Vocabulary) -> bool:
    """Tells whether a vocabulary's fingerprint decides its ids and its EOS: no class of the user's inherits it."""
    kinds = type(vocabulary).__mro__
    named = next(index for index, kind in enumerate(kinds) if "fingerprint" in vars(kind))
    return all(map(source_code.is_ours, kinds[:named]))


def step_fingerprint(task: Task, step: Step) -> str:
    """Returns the identity of a preprocessing step.

    Raises:
        ValueError: naming the task, when the step holds something that cannot be identified.
    """
    try:
        return fingerprints.of_callable(step)
    except ValueError as error:
        raise ValueError(f"task {task.name!r}, preprocessor {step!r}: {error}") from error


@dataclasses.dataclass(frozen=True)
class CacheJob:
    """A token cache to make.

    Attributes:
        task: the task.
        split: the split of its source.
        steps: the steps before the cache.
        keep_all: keep every column that the steps make, not only the task's features.
        source: the fingerprint of the split; None is to take it from the source, which reads all of its files.
        libraries: where `source` is given, the libraries that it depends on.
        replaces: in what the tokens differ from those of a cache that was made with other libraries; "" is none.
        memo: answers about the steps and features.
        counted: how many examples the source gave for shards, by number, where they were counted one by one.
    """

    task: Task
    split: str
    steps: tuple[Step, ...]
    keep_all: bool = False
    source: str | None = None
    libraries: tuple[str, ...] = ()
    replaces: str = ""
    memo: FingerprintMemo = dataclasses.field(default_factory=FingerprintMemo, compare=False, repr=False)
    counted: dict[int, int] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    @functools.cached_property
    def source_shards(self) -> tuple[str, ...]:
        """The source's shards."""
        return tuple(self.task.source.list_shards(self.split))

    @functools.cached_property
    def num_shards(self) -> int:
        """Number of shards: the source's where every step treats each example by itself, otherwise 1."""
        if not all(map(treats_each_example, self.steps)):
            return 1
        return max(1, len(self.source_shards))

    @property
    def made_from(self) -> dict[str, Any]:
        """Everything that decides the tokens but the releases of libraries, as JSON.

        Raises:
            ValueError: naming the task, when a step cannot be identified.
        """
        return self._identified[0]

    @functools.cached_property
    def versions(self) -> dict[str, str]:
        """Today's versions of the libraries that the tokens depend on; "" is not installed."""
        return {
            name: source_code.version(name) for name in sorted({*_LIBRARIES, *self.libraries, *self._identified[1]})
        }

    @property
    def probes(self) -> dict[str, list[str]]:
        """What the vocabulary of each feature makes of fixed texts; see `probes`."""
        return {name: self.memo.probe(feature.vocabulary) for name, feature in self.task.output_features.items()}

    def named_steps(self, steps: Sequence[Step]) -> list[list[str]]:
        """Returns name and identity of each step."""
        return [[signatures.name(step), self.memo.step_fingerprint(self.task, step)] for step in steps]

    @functools.cached_property
    def _identified(self) -> tuple[dict[str, Any], set[str]]:
        """What the tokens are made from, and the libraries that it depends on."""
        task = self.task
        with fingerprints.libraries() as met:
            made_from = {
                "format": FORMAT,
                "source": self.source or task.source.fingerprint(self.split),
                "split": self.split,
                "shards": self.num_shards,
                "steps": self.named_steps(self.steps),
                "features": self.memo.features(task.output_features),
                "revisions": _raised(task),
                "columns": "all" if self.keep_all else "features",
            }
        return made_from, met

    @functools.cached_property
    def key(self) -> str:
        """A hash of `made_from`."""
        return fingerprints.digest(json.dumps(self.made_from, sort_keys=True))

    def shard_name(self, shard: int) -> str:
        """Returns the file name of a shard."""
        return f"{shard:05}-of-{self.num_shards:05}.arrow"

    @functools.cached_property
    def relative_path(self) -> str:
        """Where the cache lies in the folder of caches, a path with slashes."""
        return f"tokens/{file_name(self.task.name)}/{file_name(self.split)}-{self.key[:32]}"

    def shard(self, number: int) -> TaskShard:
        """Returns what a shard is made of."""
        return TaskShard(self.task, self.split, self.steps, self.keep_all, number, self.num_shards, self.counted)

    def given(self, shard: int, made: int) -> int | None:
        """Returns how many examples the source gave for a shard, once it is read; None where nobody counted them.

        Args:
            shard: its number.
            made: how many examples were made of them.
        """
        return made if all(map(makes_one_of_each, self.steps)) else self.counted.get(shard)

    def identity(self, content: str) -> str:
        """Returns a hash of everything that decides the task's examples on the stream, but for seed and lengths.

        Args:
            content: the hash of the tokens themselves, not of their key: with other releases of libraries these may be
                the same, or others.
        """
        behind = [self.memo.step_fingerprint(self.task, step) for step in self.task.steps_after_cache]
        return fingerprints.digest(content, self.made_from["features"], behind)

    def eos_ids(self, known: Mapping[str, int | None]) -> dict[str, int | None]:
        """Returns the EOS of each feature that is declared to end with one.

        Args:
            known: what the cache says, by name; where it does not, the vocabulary is asked, and loaded for that.
        """
        found = {}
        for name, feature in self.task.output_features.items():
            if feature.add_eos and name in known and tells_all(feature.vocabulary):
                found[name] = known[name]
            elif feature.add_eos:
                found[name] = self.memo.eos_id(feature.vocabulary)
        return found


def _raised(task: Task) -> dict[str, int]:
    """Returns the numbers of t5mix's classes behind a task's source and vocabularies that were raised."""
    if not revisions.NUMBERS:
        return {}
    kinds = [type(task.source), *(type(feature.vocabulary) for feature in task.output_features.values())]
    names = sorted({revisions.name_of(each) for kind in kinds for each in kind.__mro__ if source_code.is_ours(each)})
    return {name: number for name in names if (number := revisions.number_of(name)) > 1}


def cache_job(task: Task, split: str, memo: FingerprintMemo | None = None) -> CacheJob:
    """Returns the token cache of a task's split, as the stream reads it.

    Args:
        task: the task.
        split: the split of its source.
        memo: answers about steps and vocabularies; None is to ask them.
    """
    keep_all = numpy_steps(task.steps_after_cache) is None
    return CacheJob(task, split, task.steps_before_cache, keep_all, memo=memo or FingerprintMemo())


@dataclasses.dataclass(frozen=True)
class NumpySteps:
    """Steps behind the cache that run in NumPy: at most an objective, then at most an EOS step."""

    objective: objectives.Objective | None
    eos: str | None


def numpy_steps(steps: Sequence[Step]) -> NumpySteps | None:
    """Returns the NumPy form of these steps, or None when `tf.data` must run them."""
    rest = list(steps)
    objective = objectives.as_objective(rest[0]) if rest else None
    if objective is not None:
        rest = rest[1:]
    if not rest:
        return NumpySteps(objective, None)
    name = _eos_step(rest[0])
    return NumpySteps(objective, name) if name is not None and len(rest) == 1 else None


def _eos_step(step: Step) -> str | None:
    from t5mix import preprocessors

    for name in ("append_eos", "append_eos_after_trim"):
        if step is getattr(preprocessors, name):
            return name
    return None


def check_unchanged(job: CacheJob) -> None:
    """Refuses tokens of files that changed after the job's key was made: they would be found under another content.

    Files and vocabularies of this library's own kinds are asked again; what a user's function reads, it alone knows.

    Raises:
        ValueError: naming the task and what changed.
    """
    changed = []
    if job.source is None and isinstance(job.task.source, _ASKED_AGAIN) and source_code.is_ours(type(job.task.source)):
        changed += ["source"] * (job.task.source.fingerprint(job.split) != job.made_from["source"])
    again = FingerprintMemo()
    for name, feature in job.task.output_features.items():
        if source_code.is_ours(type(feature.vocabulary)):
            found = again.features({name: feature})[name]
            changed += [f"vocabulary of {name!r}"] * (found != job.made_from["features"][name])
    if changed:
        raise ValueError(
            f"task {job.task.name!r}, split {job.split!r}: its {' and '.join(changed)} changed while its token cache "
            "was made, which is thrown away: start again when the files stay as they are"
        )
