"""The stream: tokens on disk -> mixed, packed batches, each a function of (mixture, seed, step).

fingerprints (t5mix.fingerprints) and `cache`, `tokenizing`, `columns`: tokens on disk.
`opening`, `together`, `ahead`: opening tasks, many at once, and making the tokens that are not on disk.
`endings`, `examples`, `whole_epochs`, `small_tasks`: tasks' examples at any (epoch, index).
`shares`, `order`, `balanced`, `draws`: which example each draw is.
`capacity`, `fitting`, `windows`: which examples stand in which row of which step.
`packing`, `decoder_only`, `batches`: their tokens in arrays.
`stream`, `states`, `statistics`: the whole, what a checkpoint says of it, and what it feeds in numbers.
"""

from t5mix.stream.statistics import Statistics, TaskStatistics
from t5mix.stream.stream import Stream

__all__ = ["Statistics", "Stream", "TaskStatistics"]
