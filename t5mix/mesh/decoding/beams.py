"""Beam search: the best few beginnings go on, and the best few that have ended are the answers.

Of the 2 * beams best continuations of all beams, those that do not end go on; those that do join the ended ones, which
are ordered by log-likelihood / divisor(length), the length counting EOS.  With that many at least `beams` go on.

Two sets of rules, see `Decoding.rules`. "t5" gives what Mesh-TensorFlow's beam_search does (T5's predictions were made
with it, at 4 beams and 0.6), with two differences that its answers do not show: Mesh-TensorFlow goes on until every row
of the batch is sure, so that answers beyond the first depend on the other rows; here a row is done when the last of its
`best` answers is sure.  And an answer that did not end has its score divided too.
"""

import dataclasses

from t5mix.mesh.decoding.likeliest import top
from t5mix.mesh.decoding.loop import decode_rows
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.decoding.steps import EOS_ID, Steps, Tensors, written
from t5mix.mesh.mesh_tensorflow import tf

_NEVER = -1e9


def search(
    steps: Steps, inputs: tf.Tensor, numbers: tf.Tensor, decoding: Decoding, loops: list[int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Searches for the best answers to each input.

    Args:
        steps: of the model; its width is the number of beams.
        inputs: int32 [rows, inputs length], padded with 0.
        numbers: int32 [rows]; a row with a negative one is not decoded.
        decoding: the settings.
        loops: rows of each loop.

    Returns:
        (ids, int32 [rows, best, length], EOS kept and 0 behind it; score of each, float32 [rows, best], the greatest
        first).
    """
    memory, caches = steps.start(inputs)
    rows, beams, length = inputs.shape[0], steps.width, steps.length
    ids = tf.zeros([rows, beams, length], tf.int32)
    state = {
        "done": numbers < 0,
        # At first there is one beginning, the empty one.
        "going": tf.broadcast_to(tf.where(tf.range(beams) > 0, _NEVER, 0.0), [rows, beams]),
        "going_ids": ids,
        "last": ids[..., 0],
        "came_from": ids - 1,
        "ended": tf.fill([rows, beams], _NEVER),
        "ended_ids": ids,
        "is_answer": tf.zeros([rows, beams], tf.bool),
        "caches": dict(caches),
    }

    def body(position: tf.Tensor, state: Tensors, memory: Tensors) -> Tensors:
        return _Position(steps, decoding, position, memory).next(state)

    kept = ["going", "going_ids", "ended", "ended_ids", "is_answer"]
    found = decode_rows(body, state, memory, kept, length=length, rows_of_loops=loops)
    return _answers(found, decoding, length)


def divisor(length: tf.Tensor | float, decoding: Decoding) -> tf.Tensor:
    """Returns what the log-likelihood of an answer of that many tokens, EOS counted, is divided by: float32 []."""
    base = tf.cast(length, tf.float32)
    return tf.pow((5.0 + base) / 6.0 if decoding.rules == "t5" else base, decoding.length_penalty)


@dataclasses.dataclass(frozen=True)
class _Position:
    """One step of the search."""

    steps: Steps
    decoding: Decoding
    position: tf.Tensor
    memory: Tensors

    def next(self, state: Tensors) -> Tensors:
        """Returns the state at the next position; the answers of rows that are done stay."""
        beams, position = self.steps.width, self.position
        rows = state["last"].shape[0]
        # Slot w of position p is seen by the beams that came by sequence w there.
        here = tf.broadcast_to(tf.range(beams)[None, :, None], [rows, beams, 1])
        came_from = written(state["came_from"], here, position, axis=2)
        own = tf.reshape(tf.equal(came_from[..., None], tf.range(beams)), [rows, beams, -1])
        logits, caches = self.steps.step(state["last"], position, own, self.memory, state["caches"])
        total, beam, token = self._continuations(logits, state["going"])
        ids = written(tf.gather(state["going_ids"], beam, batch_dims=1), token[..., None], position, axis=2)
        ends = self._ends(token)
        going = tf.math.top_k(tf.where(ends, total + _NEVER, total), beams)
        new = {
            "going": going.values,
            "going_ids": tf.gather(ids, going.indices, batch_dims=1),
            "last": tf.gather(token, going.indices, batch_dims=1),
            "came_from": tf.gather(came_from, tf.gather(beam, going.indices, batch_dims=1), batch_dims=1),
            "caches": dict(caches),
        }
        return new | self._ended(state, total, ids, ends, going.values)

    def _continuations(self, logits: tf.Tensor, going: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the 2 * beams best: (log-likelihood, from which beam, token), each [rows, 2 * beams]."""
        rows, beams, vocab = logits.shape
        each = min(2 * beams, vocab)
        best, tokens = top(logits, each, self.steps.split)
        total = best - tf.reduce_logsumexp(logits, -1, keepdims=True) + going[..., None]
        found = tf.math.top_k(tf.reshape(total, [rows, -1]), 2 * beams)
        token = tf.gather(tf.reshape(tokens, [rows, -1]), found.indices, batch_dims=1)
        return found.values, found.indices // each, token

    def _ends(self, token: tf.Tensor) -> tf.Tensor:
        ends = tf.equal(token, EOS_ID)
        if self.decoding.rules == "transformers":
            ends = tf.logical_or(ends, tf.equal(self.position, self.steps.length - 1))
        return ends

    def _ended(
        self, state: Tensors, total: tf.Tensor, ids: tf.Tensor, ends: tf.Tensor, going: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns the best that have ended by now, and whether that is final."""
        beams, length = self.steps.width, tf.cast(self.position + 1, tf.float32)
        counts = ends
        if self.decoding.rules == "transformers":
            counts = tf.logical_and(ends, tf.range(2 * beams) < beams)
        counts = tf.logical_and(counts, tf.logical_not(state["done"])[:, None])
        scores = tf.where(counts, total / divisor(length, self.decoding), _NEVER)
        best = tf.math.top_k(tf.concat([state["ended"], scores], 1), beams)
        both = {
            "ended_ids": tf.concat([state["ended_ids"], ids], 1),
            "is_answer": tf.concat([state["is_answer"], counts], 1),
        }
        found = {name: tf.gather(value, best.indices, batch_dims=1) for name, value in both.items()}
        sure = self._sure(best.values, found["is_answer"], going, length)
        return {"ended": best.values, **found, "done": tf.logical_or(state["done"], sure)}

    def _sure(self, ended: tf.Tensor, is_answer: tf.Tensor, going: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """Tells of each row whether its answers can not become better: bool [rows]."""
        if self.decoding.rules == "t5":
            bound = going[:, 0] / divisor(float(self.steps.length), self.decoding)
            last = self.decoding.best - 1
            return tf.logical_and(is_answer[:, last], ended[:, last] > bound)
        bound = going[:, 0] / divisor(length, self.decoding)
        return tf.logical_and(tf.reduce_all(is_answer, axis=1), ended[:, -1] >= bound)


def _answers(found: Tensors, decoding: Decoding, length: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the best answers; where fewer have ended, the best beams that have not follow them."""
    beams = found["ended"].shape[1]
    number = tf.range(decoding.best)[None, :]
    ended = tf.reduce_sum(tf.cast(found["is_answer"], tf.int32), axis=1, keepdims=True)
    place = tf.where(number < ended, number, beams + number - ended)
    ids = tf.concat([found["ended_ids"], found["going_ids"]], 1)
    scores = tf.concat([found["ended"], found["going"] / divisor(float(length), decoding)], 1)
    return tf.gather(ids, place, batch_dims=1), tf.gather(scores, place, batch_dims=1)
