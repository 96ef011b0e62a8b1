"""What UniMax promises of a mixture, beside what the steps of a plan feed."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from t5mix.data.planning.feed_plan import FeedPlan
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.rates.part_rates import unimax_of
from t5mix.declarations.task import Task


@dataclasses.dataclass(frozen=True)
class Budget:
    """The budget of UniMax and what becomes of it.

    Attributes:
        budget: examples that the rates were made for.
        max_epochs: the most epochs of a task then.
        reachable: examples that the tasks have in as many epochs, at most the budget.
        fed: examples that the steps feed.
        over: by task, how many examples more than `max_epochs` times it is fed.
    """

    budget: float
    max_epochs: float
    reachable: float
    fed: int
    over: dict[str, int]

    @classmethod
    def of(cls, provider: Task | Mixture, plan: FeedPlan) -> "Budget | None":
        """Returns what a plan makes of a mixture's budget; None where its rates are not by UniMax."""
        rule = unimax_of(provider.rate_per_task_name) if isinstance(provider, Mixture) else None
        if rule is None:
            return None
        assert isinstance(provider, Mixture)
        reachable = sum(rule.rates(provider.tasks).values())
        return cls(rule.budget, rule.max_epochs, reachable, plan.fed, plan.over(rule.max_epochs))

    def as_json(self) -> dict[str, Any]:
        """Returns everything as JSON takes it."""
        return dataclasses.asdict(self)

    def lines(self) -> Iterator[str]:
        """Yields whether the budget can be met, and how far the steps are from it."""
        if self.reachable < self.budget * (1 - 1e-9):
            yield (
                f"UniMax: the budget of {self.budget:,.0f} examples cannot be met: in {self.max_epochs:g} epochs the "
                f"tasks have {self.reachable:,.0f}, {self.budget - self.reachable:,.0f} too few; lower the budget, or "
                "raise max_epochs"
            )
        if self.fed > self.budget:
            yield (
                f"UniMax: the steps feed {self.fed:,} examples, {self.fed - self.budget:,.0f} more than its budget of "
                f"{self.budget:,.0f}, for which {self.max_epochs:g} epochs are kept; raise the budget, or plan for "
                "fewer steps"
            )
