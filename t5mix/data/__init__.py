"""The stream: tokens on disk -> mixed, packed batches, each a function of (mixture, seed, step).

In the order of imports, each from those before it:

`tokenization/`: from a source's examples to token ids, as Arrow record batches.
`cache/`: the token cache: its key, its files, and how they are written, found and read.
`examples/`: a task's examples as the model gets them, at any (epoch, index); opening tasks.
`mixing/`: which example each draw is.
`packing/`: which examples stand in which row of which step, and their arrays.
`stream`, `state`, `statistics`: the whole, what a checkpoint says of it, and what it feeds in numbers.
"""

from t5mix.data.statistics import Statistics, TaskStatistics
from t5mix.data.stream import Stream

__all__ = ["Statistics", "Stream", "TaskStatistics"]
