"""README.md of an exported model: what it was trained on, how well it does, how to use it."""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class CardScore:
    """What the model scored on one task.

    Attributes:
        task: its name.
        metric: the metric's name.
        value: the score, in the metric's unit; None where it is undefined.
        split: that was scored.
        baseline: the best score that needs no model.
        examples: how many were scored.
    """

    task: str
    metric: str
    value: float | None
    split: str
    baseline: float | None = None
    examples: int | None = None


@dataclasses.dataclass(frozen=True)
class Card:
    """What a model card says.

    Attributes:
        title: of the page.
        mixture: that it was trained on; empty where t5mix has trained nothing.
        tasks: of the mixture, each with its share of the examples, in [0, 1]; None where it has none.
        step: optimizer steps.
        parameters: how many weights.
        lengths: tokens of inputs and targets.
        scores: of the exported checkpoint.
        version: of t5mix.
        example: an input as the model reads it.
        base: what was there before; empty where t5mix has trained all of it.
    """

    title: str
    mixture: str
    tasks: Sequence[tuple[str, float | None]]
    step: int
    parameters: int
    lengths: tuple[int, int]
    scores: Sequence[CardScore] = ()
    version: str = ""
    example: str = ""
    base: str = ""

    def text(self) -> str:
        """Returns the page, with the Hub's header."""
        return "\n".join([*self._header(), *self._training(), *self._results(), *self._use()]) + "\n"

    def _header(self) -> list[str]:
        return [
            "---",
            "library_name: transformers",
            "pipeline_tag: text2text-generation",
            "tags:",
            "- t5",
            "- t5mix",
            "---",
            "",
            f"# {_plain(self.title)}",
            "",
            f"A text-to-text model of {self.parameters:,} parameters, {self._made()} with t5mix {self.version}".rstrip()
            + ".",
            "",
        ]

    def _made(self) -> str:
        return f"made of {_plain(self.base)}" if self.base else f"trained for {self.step:,} steps"

    def _training(self) -> list[str]:
        if not self.mixture:
            return []
        begin = "On top of that" if self.base else "The mixture"
        rows = [f"| {_plain(name)} | {'' if share is None else f'{share:.1%}'} |" for name, share in self.tasks]
        return [
            "## Trained on",
            "",
            f"{begin} `{_plain(self.mixture)}`, with at most {self.lengths[0]} tokens of inputs and "
            f"{self.lengths[1]} of targets:",
            "",
            "| task | share of examples |",
            "|---|--:|",
            *rows,
            "",
        ]

    def _results(self) -> list[str]:
        if not self.scores:
            return ["## Scores", "", "Nothing was scored at this checkpoint.", ""]
        rows = [
            _row(_plain(s.task), _plain(s.metric), _number(s.value), _number(s.baseline), _plain(s.split), s.examples)
            for s in self.scores
        ]
        return [
            "## Scores",
            "",
            "| task | metric | score | best without a model | split | examples |",
            "|---|---|--:|--:|---|--:|",
            *rows,
            "",
        ]

    def _use(self) -> list[str]:
        text = self.example or "the task's prefix: the text"
        return [
            "## Use",
            "",
            "```python",
            "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer",
            "",
            'folder = "."',
            "tokenizer = AutoTokenizer.from_pretrained(folder)",
            "model = AutoModelForSeq2SeqLM.from_pretrained(folder)",
            f'inputs = tokenizer([{text!r}], return_tensors="pt")',
            f"outputs = model.generate(**inputs, max_new_tokens={self.lengths[1]})",
            "print(tokenizer.batch_decode(outputs, skip_special_tokens=True))",
            "```",
        ]


def _plain(text: str) -> str:
    """Keeps a name within its cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _row(*cells: object) -> str:
    return f"| {' | '.join('' if cell is None else str(cell) for cell in cells)} |"
