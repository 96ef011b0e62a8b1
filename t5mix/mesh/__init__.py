"""The engine: a Mesh-TensorFlow model becomes one XLA program that runs on any mesh of devices.

- t5_config.py: T5Config: the size and shape of a model
- layouts.py: MeshConfig: which mesh axis splits which named dimension
- mesh_tensorflow.py: mesh-tensorflow, made importable on current TensorFlow
- devices.py: the devices of this process
- t5_model.py: the T5 encoder-decoder, from upstream's layers
- random.py: random numbers that are a function of (seed, step, position)
- lowering.py: mtf graph -> TensorFlow with sharding annotations
- programs.py: initialize, train, score and decode, as TensorFlow functions of their variables
- xla.py: TensorFlow function -> StableHLO -> a function that JAX compiles
- engine.py: the programs compiled for one mesh: what training and evaluation call

Nothing here knows a task.
"""
