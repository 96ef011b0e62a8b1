"""Adapters (Houlsby et al. 2019, https://arxiv.org/abs/1902.00751): x + relu(x D) U after a layer, U zero at first."""

from typing import Any

from t5mix.mesh.mesh_tensorflow import mtf
from t5mix.mesh.state import ZEROS, Initializer
from t5mix.mesh.t5.fine_tuning.selection import ADAPTER
from t5mix.mesh.t5.fine_tuning.settings import Trained, adapters
from t5mix.mesh.t5.parameters import Scope

_FEED_FORWARD = "DenseReluDense"


def adapted(x: Any, scope: Scope, part: str, trained: Trained) -> Any:
    """Returns what a layer's adapter makes of its output [..., d_model]; the output itself where it has none.

    Args:
        x: the layer's output, before the residual is added.
        scope: of the layer.
        part: which layer, "DenseReluDense" for one.
        trained: the choice, adapters or another.
    """
    if not isinstance(trained, adapters) or (trained.after == "feed_forward" and part != _FEED_FORWARD):
        return x
    d_model, inner = x.shape.dims[-1], mtf.Dimension(ADAPTER, trained.inner_size)
    here = scope / ADAPTER
    down = here.weight("wi/kernel", [d_model, inner], Initializer("truncated_normal", d_model.size**-0.5))
    up = here.weight("wo/kernel", [inner, d_model], ZEROS)
    hidden = mtf.relu(mtf.einsum([x, down], reduced_dims=[d_model]))
    return x + mtf.einsum([hidden, up], reduced_dims=[inner])
