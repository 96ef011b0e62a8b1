"""Which tasks the arguments of a command mean."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from t5mix.registry import TaskRegistry, get_mixture_or_task, get_subtasks
from t5mix.task import Task


def find_tasks(names: Sequence[str]) -> list[Task]:
    """Returns the tasks that names of tasks, of mixtures, and patterns mean, each once, in that order.

    Raises:
      ValueError: when a name is not known, or a pattern matches no task.
    """
    found: dict[str, Task] = {}
    for name in names:
        if any(sign in name for sign in "*?["):
            matching = [known for known in TaskRegistry.names() if fnmatchcase(known, name)]
            if not matching:
                raise ValueError(f"no task matches {name!r}; try: t5mix list")
            found.update((each, TaskRegistry.get(each)) for each in matching)
        else:
            found.update((task.name, task) for task in get_subtasks(get_mixture_or_task(name)))
    return list(found.values())
