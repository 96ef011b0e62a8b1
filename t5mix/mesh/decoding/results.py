"""What decoding gives."""

from typing import NamedTuple

import numpy as np


class Answers(NamedTuple):
    """What `Engine.decode` returns.

    Attributes:
        ids: int32 [batch, best, length], the best answer first; EOS is kept, 0 follows it.
        scores: float32 [batch, best]: log-likelihood, divided as `Decoding.rules` says where beams were searched.
    """

    ids: np.ndarray
    scores: np.ndarray
