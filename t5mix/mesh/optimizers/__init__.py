"""Optimizers: from a gradient to new values of a weight and of its slots, as TensorFlow functions.

- settings.py: which optimizer, and its options
- step_config.py: all that decides what a training step does
- adafactor.py: Adafactor, T5's
- adamw.py: AdamW, and AdamW scaled by the size of each weight
- slots.py: what an optimizer keeps for a weight
- update.py: one step of all weights: norm of the gradient, clipping, what is frozen, what is not finite
"""
