"""The engine: a Mesh-TensorFlow model becomes one XLA program that runs on any mesh of devices.

- t5/: the model: T5Config, and T5's encoder and decoder
- optimizers/: Adafactor
- layouts.py: MeshConfig: which mesh axis splits which named dimension
- mesh_tensorflow.py: mesh-tensorflow, made importable on current TensorFlow
- devices.py: the devices of this process, and its memory
- random.py: random numbers that are a function of (seed, step, place, position)
- programs.py: first values, train, score and decode, as TensorFlow functions of their variables
- compiling/lowering.py: mtf graph -> TensorFlow with sharding annotations
- compiling/xla.py: TensorFlow function -> StableHLO -> a function that JAX compiles
- compiling/compilation.py: compiled programs on disk
- compiling/arrays.py: which arrays programs take; kept beside them, so that a second start loads no TensorFlow
- state.py: values of all variables, by T5's names
- engine.py: the programs compiled for one mesh: what training and evaluation call
- interop/: weights, vocabularies and programs of other systems, in and out

Nothing here knows a task.
"""
