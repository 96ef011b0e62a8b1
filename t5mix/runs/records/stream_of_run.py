"""The batches that a run was trained on, from what its folder records."""

import dataclasses
from collections.abc import Sequence

from t5mix.data import Stream
from t5mix.runs.config import binding
from t5mix.runs.preflight.changed_mixture import with_changes
from t5mix.runs.preflight.dry_run import open_stream
from t5mix.runs.preflight.tasks import chosen_provider
from t5mix.runs.records import intended_shares
from t5mix.runs.records.run_folder import find_checkpoint
from t5mix.training.checkpoints import Checkpoints


@dataclasses.dataclass(frozen=True)
class Fed:
    """What a run was fed.

    Attributes:
        stream: its batches.
        steps: how many of them.
    """

    stream: Stream
    steps: int


def stream_of_run(path: str, include: Sequence[str] = ()) -> Fed:
    """Opens the stream of a run, up to its newest checkpoint or the one that is named.

    Args:
        path: a run folder, `FOLDER/finetune/TASK`, or `.../checkpoints/STEP`.
        include: files and folders of declarations.

    Raises:
        FileNotFoundError: there is no such folder or checkpoint.
        ValueError: the examples of its tasks are others now, or were others for its first steps, so nobody can say what
            it was fed.
    """
    checkpoint = find_checkpoint(path, to_read=False)
    of_task = [f"Run.mixture = {checkpoint.task!r}"] if checkpoint.is_fine_tuned else []
    run = binding.bind([str(checkpoint.run.operative_config)], of_task, include=include).run
    run = dataclasses.replace(run, mixing=None) if checkpoint.is_fine_tuned else run  # rates are of the mixture
    provider = chosen_provider(run, for_training=False)
    if run.train is not None and not checkpoint.is_fine_tuned:
        provider = with_changes(provider, run.train)
    changed = [step for step in intended_shares.changed_at(checkpoint.trained) if step < checkpoint.step]
    if changed:
        raise ValueError(
            f"the run {path!r} went on with a changed mixture at step {changed[-1]}, and nothing tells which examples "
            "the steps before were fed: ask about a run with one mixture"
        )
    stream = open_stream(run, provider)
    before = Checkpoints(checkpoint.trained.checkpoints).extra(checkpoint.step)["stream"]
    if changes := stream.changes(before):
        raise ValueError(
            f"the run {path!r} was fed other batches than its tasks give now: {'; '.join(changes)}. Restore what it "
            "was, to ask which step fed an example"
        )
    return Fed(stream, checkpoint.step)
