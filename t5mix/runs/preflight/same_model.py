"""Whether weights fit a model: which settings of a model they decide, and how two models differ in these."""

from t5mix.mesh.interop import architecture
from t5mix.mesh.t5.config import T5Config

# Fields of T5Config that weights decide.
DECIDED = ("vocab_size", *architecture.DECIDED)


def differences(there: T5Config, here: T5Config) -> list[str]:
    """Returns the settings, with both values, by which weights of one model do not fit another.

    Vocabularies are alike where their padded sizes are: so many rows the embedding has.

    Args:
        there: of the weights.
        here: of the model that is to take them.
    """
    found = [name for name in DECIDED if name != "vocab_size" and getattr(there, name) != getattr(here, name)]
    if there.padded_vocab_size != here.padded_vocab_size:
        found.append("vocab_size")
    return [f"T5Config.{name} ({getattr(there, name)!r} there, {getattr(here, name)!r} here)" for name in found]
