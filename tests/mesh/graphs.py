"""Runs functions of mtf tensors on arrays, with their gradients."""

import numpy as np

from t5mix.mesh.compiling.lowering import GlobalMeshImpl, Lowering
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import mtf, tf


def values_and_gradients(function, arrays: dict, dimensions: dict, weights: np.ndarray | None = None):
    """`function(**tensors)`, and the gradients of the float arguments of its (weighted) sum.

    `dimensions` names the dimensions of each array, separated by blanks.
    """
    names = list(arrays)

    @tf.function(jit_compile=True)
    def compiled(*values):
        graph = mtf.Graph()
        mesh = mtf.Mesh(graph, "mesh")
        tensors = {}
        for name, value in zip(names, values, strict=True):
            pairs = zip(dimensions[name].split(), value.shape, strict=True)
            shape = mtf.Shape([mtf.Dimension(dimension, size) for dimension, size in pairs])
            tensors[name] = mtf.import_fully_replicated(mesh, value, shape, name)
        result = function(**tensors)
        total = (
            result
            if weights is None
            else result * mtf.import_fully_replicated(mesh, tf.constant(weights), result.shape, "weights")
        )
        floats = [tensor for tensor in tensors.values() if tensor.dtype.is_floating]
        gradients = mtf.gradients([mtf.reduce_sum(total)], floats)
        lowering = Lowering(graph, GlobalMeshImpl(MeshConfig(), {}))
        return [lowering.export_to_tf_tensor(x) for x in (result, *gradients)]

    result, *gradients = compiled(*[tf.constant(array) for array in arrays.values()])
    floats = [name for name in names if arrays[name].dtype == np.float32]
    return result.numpy(), {name: g.numpy() for name, g in zip(floats, gradients, strict=True)}
