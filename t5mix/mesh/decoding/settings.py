"""How answers are decoded: by the likeliest token, by beams, or by chance."""

import dataclasses
import math
from typing import Any

RULES = ("t5", "transformers")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoding:
    """Settings of decoding; the defaults take the likeliest token at each position.

    Attributes:
        beams: of beam search; 1 is greedy decoding, T5 takes 4.
        length_penalty: by what power of its length the log-likelihood of a beam is divided; T5's is 0.6. 0 means no
            division.
        rules: of beam search. "t5": as Mesh-TensorFlow's, the divisor is ((5 + length) / 6) ^ length_penalty, a search
            ends when no beam can become better than the answers found, and beams that have not ended count only where
            too few have. "transformers": as `generate` has it with `early_stopping=False`, the divisor is
            length ^ length_penalty, only the best `beams` continuations can end, a search ends by the divisor of the
            length so far, and at the greatest length all beams count as ended.
        best: answers to each input, the best first: of the beams, or of as many samples.
        temperature: 0 takes the likeliest token; above, tokens are drawn from the model's probabilities to the power
            of 1 / temperature.
        top_k: only the so many likeliest tokens are drawn; 0 means all.
        top_p: only the likeliest tokens are drawn that have this probability together (Holtzman et al. 2020,
            https://arxiv.org/abs/1904.09751); 1 means all.
        seed: of the random numbers. An answer is a function of it, of the input and of the input's number, whatever
            the mesh, the batch and the other inputs.
    """

    beams: int = 1
    length_penalty: float = 0.6
    rules: str = "t5"
    best: int = 1
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in {"beams": 1, "best": 1, "top_k": 0, "seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"Decoding.{name} is {getattr(self, name)}: it must be at least {least}")
        for name in ("length_penalty", "temperature"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"Decoding.{name} is {getattr(self, name)}: it must be a number of at least 0")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"Decoding.top_p is {self.top_p}: it must be above 0 and at most 1")
        if self.seed >= 2**32:
            raise ValueError(f"Decoding.seed is {self.seed}: it must be less than 2**32")
        if self.rules not in RULES:
            raise ValueError(f"Decoding.rules is {self.rules!r}: choose from {', '.join(RULES)}")
        self._check_together()

    def _check_together(self) -> None:
        if self.beams > 1 and self.temperature:
            raise ValueError(
                f"Decoding.beams is {self.beams} and Decoding.temperature {self.temperature}: beam search draws "
                "nothing; set beams to 1, or temperature to 0"
            )
        for name, off in (("top_k", 0), ("top_p", 1.0)):
            if getattr(self, name) != off and not self.temperature:
                raise ValueError(
                    f"Decoding.{name} is {getattr(self, name)}, and without a temperature nothing is drawn: "
                    "set Decoding.temperature, such as 1.0"
                )
        of_beams: dict[str, float | str] = {"length_penalty": 0.6, "rules": "t5"}
        for name, default in of_beams.items():
            if getattr(self, name) != default and self.beams == 1:
                raise ValueError(
                    f"Decoding.{name} is {getattr(self, name)!r}, and it is of beam search alone: "
                    "set Decoding.beams, such as 4"
                )
        if self.best > 1 and not self.temperature and self.best > self.beams:
            raise ValueError(
                f"Decoding.best is {self.best}, and there are {self.beams} beams: set Decoding.beams to at least as "
                "many, or Decoding.temperature for samples"
            )

    def check(self, vocab_size: int) -> None:
        """Refuses settings that ask for more tokens than there are.

        Args:
            vocab_size: of the model.

        Raises:
            ValueError: it is too small for them.
        """
        for name, most in (("beams", vocab_size // 2), ("top_k", vocab_size)):
            if getattr(self, name) > most:
                raise ValueError(
                    f"Decoding.{name} is {getattr(self, name)}: with {vocab_size} tokens it can be {most} at most"
                )

    @property
    def program(self) -> str:
        """A name for the program that decodes so: "greedy_decode", or what differs from that but for the seed."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        given = {name: getattr(self, name) for name in defaults if name != "seed"}
        changed = [f"{name} {value}" for name, value in given.items() if value != defaults[name]]
        return " ".join(["decode", *changed]) if changed else "greedy_decode"

    def for_transformers(self) -> dict[str, Any]:
        """Returns the settings of transformers' generation_config.json that come closest; none for greedy decoding.

        It has no divisor of T5's: where `rules` are "t5", its beams are ranked by length ^ length_penalty all the same.
        """
        if self.temperature:
            drawn = {"do_sample": True, "temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}
            return drawn | {"num_return_sequences": self.best}
        if self.beams == 1:
            return {}
        beams = {"num_beams": self.beams, "length_penalty": self.length_penalty, "early_stopping": False}
        return beams | {"num_return_sequences": self.best}

    @property
    def width(self) -> int:
        """Beams, or samples, of an input that are decoded side by side."""
        return self.best if self.temperature else self.beams
