"""How a run mixes its tasks, where that is not left to the mixture's declaration."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from t5mix.declarations.mixture import Mixture
from t5mix.declarations.rates import UniMax, linear


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixing:
    """Rates of the run's mixture, in place of those that it declares.

    Attributes:
        rates: a dict of tasks and mixtures in it and their rates; such a dict for the first step of each stage,
            `{0: {'a': 1.0}, 10000: {'b': 1.0}}`; `@linear()`, whose `first` and `last` are dicts; or `@UniMax()`. None
            leaves them as declared.
        unit: what rates are shares of: "examples", "target_tokens" or "tokens"; None as declared.
        max_epochs: the most passes over each task, or a dict of such, in place of all limits, also of those that
            mixtures in it declare; {} is no limit, None as declared.
    """

    rates: Mapping[str, float] | Mapping[int, Mapping[str, float]] | linear | UniMax | None = None
    unit: str | None = None
    max_epochs: float | Mapping[str, float] | None = None

    def of(self, mixture: Mixture) -> Mixture:
        """Returns a mixture with what is set here.

        Raises:
            ValueError: naming the setting, when it cannot be.
        """
        given: dict[str, Any] = {
            field.name: value for field in dataclasses.fields(self) if (value := getattr(self, field.name)) is not None
        }
        try:
            return mixture.with_mixing(**given) if given else mixture
        except ValueError as error:
            notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
            raise ValueError(f"Mixing.{', Mixing.'.join(given)}: {error}{notes}") from None
