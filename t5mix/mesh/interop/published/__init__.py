"""Checkpoints as Google published T5s.

- tensorflow_t5.py: Mesh-TensorFlow T5's TensorFlow checkpoints
- t5x.py: t5x's zarr folders
- shapes.py: an architecture by the shapes of its weights
- gin_text.py: the gin file beside them, read as data
"""
