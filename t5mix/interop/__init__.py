"""Models of others in, and models for others out.

- opening.py: `open_checkpoint`: a folder or a name of the Hub -> weights, config, vocabulary
- architecture.py: what a published T5 says of itself, and what of it the engine has
- names.py: the names of one weight in every format
- weights.py: arrays that are read when needed, and the check of names and shapes
- hugging_face/: folders of the T5 family, in and out
- published_t5.py: Mesh-TensorFlow T5's TensorFlow checkpoints
- t5x.py: t5x's zarr folders
- shapes.py: an architecture by the shapes of its weights
- gin_text.py: a stranger's gin file, read as data
- engine_state.py: weights <-> an engine's state
- saved_model.py: texts in, texts out, in TensorFlow
- stablehlo.py: any program, for JAX alone
- safe_files.py: no path leaves its folder, no link is followed, a folder appears whole

Nothing here unpickles, and nothing runs what a checkpoint holds.
"""

from t5mix.interop.opening import OpenedCheckpoint, is_foreign, open_checkpoint

__all__ = ["OpenedCheckpoint", "is_foreign", "open_checkpoint"]
