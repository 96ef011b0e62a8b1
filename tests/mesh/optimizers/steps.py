"""Takes optimizer steps on one weight, ours and Mesh-TensorFlow's."""

import numpy as np

from t5mix.mesh.mesh_tensorflow import mtf, tf, tf1

RATE = 1e-2


def ours(module, options, weight, gradients, *, stacked=False):
    """Returns the weight after a step for each gradient, and the slots."""
    weight = tf.constant(weight)
    inner = weight.shape.as_list()[int(stacked) :]
    prefix = weight.shape.as_list()[: int(stacked)]
    slots = {slot.name: tf.zeros(prefix + [inner[d] for d in slot.dimensions]) for slot in module.slots(options, inner)}
    for number, gradient in enumerate(gradients):
        numbers = [tf.constant(value, tf.float32) for value in options.numbers(number)]
        step = module.update(weight, tf.constant(gradient), slots, tf.constant(RATE), numbers, options, stacked=stacked)
        np.testing.assert_allclose(step.squared_norm, np.sum(gradient**2), rtol=1e-4)
        weight, slots = step.weight, step.slots
    return weight.numpy(), slots


def upstreams(weight, gradients, **options):
    """Returns the weight after steps of Mesh-TensorFlow's AdafactorOptimizer."""
    with tf.Graph().as_default():
        graph = mtf.Graph()
        mesh = mtf.Mesh(graph, "mesh")
        shape = mtf.Shape([mtf.Dimension(f"d{number}", size) for number, size in enumerate(weight.shape)])
        variable = mtf.get_variable(mesh, "weight", shape, initializer=tf1.constant_initializer(weight))
        given = tf1.placeholder(tf.float32, weight.shape)
        gradient = mtf.import_tf_tensor(mesh, given, shape)
        optimizer = mtf.optimize.AdafactorOptimizer(learning_rate=RATE, **options)
        updates = optimizer.apply_grads([gradient], [graph.trainable_variables[0]])
        impl = mtf.placement_mesh_impl.PlacementMeshImpl(mtf.Shape([]), mtf.LayoutRules([]), [""])
        lowering = mtf.Lowering(graph, {mesh: impl})
        value = lowering.export_to_tf_tensor(variable)
        step = tf.group([lowering.lowered_operation(update) for update in updates])
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            session.run(lowering.copy_masters_to_slices())
            for array in gradients:
                session.run(step, {given: array})
            return session.run(value)
