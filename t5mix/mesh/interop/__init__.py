"""Models of others in, and models for others out.

- opening.py: `open_checkpoint`: a folder or a name of the Hub -> weights, config, vocabulary
- hugging_face/: folders of the T5 family, in and out
- published/: Mesh-TensorFlow T5's checkpoints and t5x's, in
- saved_model.py: texts in, texts out, in TensorFlow
- stablehlo.py: any program, for JAX alone
- architecture.py: what a published T5 says of itself, and what of it the engine has
- names.py: the names of one weight in every format
- sizes.py: parameters and memory of a model, by arithmetic
- weights.py: arrays that are read when needed, and the check of names and shapes
- engine_state.py: weights <-> an engine's state
- trained_alone.py: LoRA, adapters and the like alone in a folder, and put back onto their base
- safe_files.py: no path leaves its folder, no link is followed, a folder appears whole

Nothing here unpickles, and nothing runs what a checkpoint holds.
"""

from t5mix.mesh.interop.opening import OpenedCheckpoint, is_foreign, open_checkpoint

__all__ = ["OpenedCheckpoint", "is_foreign", "open_checkpoint"]
