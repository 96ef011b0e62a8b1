"""What a stream feeds in so many steps, in numbers."""

import dataclasses
import math
from collections.abc import Mapping

from t5mix.data.packing.timetable import Change
from t5mix.internal.files import without_nan


@dataclasses.dataclass(frozen=True)
class TaskPlan:
    """What is fed of one task.

    Attributes:
        task: its name.
        examples: examples in an epoch.
        rate: its intended share of the examples of step 0, 0 to 1.
        fed: how many examples are fed.
        share: its share of all examples that are fed.
        tokens: for each feature, tokens that are fed, EOS included.
        token_share: its share of all tokens.
        target_share: its share of the tokens of "targets"; NaN where there are none.
        first_repetition: the first step that feeds an example for the second time; None where none does.
        truncated: for each feature, how many of the examples that are fed lose tokens.
        lost: for each feature, how many tokens they lose.
        dropped: how many found no room in their window nor after it, and are left out.
        measured: whether tokens are those of the very examples that are fed. Otherwise they, `truncated` and `lost` are
            estimates from a sample.
        first_repetition_exact: whether `first_repetition` is that very step, and not read from a line through some.
        max_epochs: the most epochs that it is fed, as declared; None is no limit.
    """

    task: str
    examples: int
    rate: float
    fed: int
    share: float
    tokens: Mapping[str, int]
    token_share: float
    target_share: float
    first_repetition: int | None
    truncated: Mapping[str, int]
    lost: Mapping[str, int]
    dropped: int
    measured: bool
    first_repetition_exact: bool
    max_epochs: float | None = None

    @property
    def epochs(self) -> float:
        """How often each example is fed on average."""
        return self.fed / self.examples


@dataclasses.dataclass(frozen=True)
class Interval:
    """Shares in a part of the steps.

    Attributes:
        start: the first step.
        stop: the one behind the last.
        examples: each task's share of the examples, in the order of tasks.
        tokens: each task's share of the tokens, with its mean tokens of an example of all steps.
    """

    start: int
    stop: int
    examples: tuple[float, ...]
    tokens: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class FeedPlan:
    """What a stream feeds in so many steps.

    Attributes:
        name: of the mixture or task.
        steps: how many steps.
        batch_size: rows of a batch.
        lengths: for each feature the tokens of a row.
        tasks: each task, in the order of task numbers.
        fill: for each feature, the share of token slots that hold tokens; where a row holds all features of an example,
            for "decoder_target_tokens".
        over_steps: shares in parts of the steps; empty where they are not asked for.
        windows: how many windows the steps have.
        placed: in how many of these, from the first on, examples were placed to see whether all find room.
        left_out: tasks that the stream does not draw from, and why.
        changes: from which steps on tasks have which intended shares of examples, in the order of tasks, and why.
        asked: how many steps were asked for: more than `steps` where the stream ends before.
    """

    name: str
    steps: int
    batch_size: int
    lengths: Mapping[str, int]
    tasks: tuple[TaskPlan, ...]
    fill: Mapping[str, float]
    over_steps: tuple[Interval, ...]
    windows: int
    placed: int
    left_out: Mapping[str, str]
    changes: tuple[Change, ...]
    asked: int

    @property
    def exact(self) -> bool:
        """Whether all numbers are those of the very stream, and none is an estimate."""
        return self.placed == self.windows and all(one.measured and one.first_repetition_exact for one in self.tasks)

    @property
    def fed(self) -> int:
        """Examples in all."""
        return sum(one.fed for one in self.tasks)

    @property
    def tokens(self) -> dict[str, int]:
        """Tokens in all, for each feature."""
        return {name: sum(one.tokens[name] for one in self.tasks) for name in self.lengths}

    @property
    def dropped(self) -> int:
        """Examples in all that found no room."""
        return sum(one.dropped for one in self.tasks)

    def over(self, max_epochs: float) -> dict[str, int]:
        """Returns how many examples too many tasks are fed, where it is more than so many epochs."""
        limits = {one.task: math.floor(max_epochs * one.examples + 1e-9) for one in self.tasks}
        return {one.task: one.fed - limits[one.task] for one in self.tasks if one.fed > limits[one.task]}

    @property
    def examples_per_step(self) -> float:
        """Mean number of examples in a batch."""
        return self.fed / self.steps

    @property
    def tokens_per_step(self) -> float:
        """Mean number of tokens in a batch, of all features together."""
        return sum(self.tokens.values()) / self.steps

    def as_json(self) -> dict[str, object]:
        """Returns everything as JSON takes it; a share of nothing is None.

        Where tasks have ended there is no list of shares, for there may be a thousand such changes of a thousand tasks:
        they follow from those before, as `Change.ended` says.
        """
        tasks = [{**dataclasses.asdict(one), "epochs": one.epochs} for one in self.tasks]
        names = [one.task for one in self.tasks]
        content = {
            "name": self.name,
            "steps": self.steps,
            "steps_asked": self.asked,
            "batch_size": self.batch_size,
            "lengths": dict(self.lengths),
            "exact": self.exact,
            "examples": self.fed,
            "tokens": self.tokens,
            "examples_per_step": self.examples_per_step,
            "tokens_per_step": self.tokens_per_step,
            "fill": dict(self.fill),
            "dropped": self.dropped,
            "windows": self.windows,
            "windows_placed": self.placed,
            "tasks": tasks,
            "left_out": dict(self.left_out),
            "changes": [
                {
                    "step": each.step,
                    "why": each.why,
                    "ended": list(each.ended),
                    "shares": None if each.ended else dict(zip(names, each.shares, strict=True)),
                }
                for each in self.changes
            ],
            "over_steps": [
                {
                    "start": part.start,
                    "stop": part.stop,
                    "examples": dict(zip(names, part.examples, strict=True)),
                    "tokens": dict(zip(names, part.tokens, strict=True)),
                }
                for part in self.over_steps
            ],
        }
        return without_nan(content)
