"""From a Mesh-TensorFlow graph to a compiled program: sharding annotations, StableHLO, and programs on disk."""
