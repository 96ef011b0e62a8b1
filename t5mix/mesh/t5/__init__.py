"""The T5 encoder-decoder, from mtf operations with named dimensions.

- config.py: T5Config: the size and shape of a model
- model.py: the whole: losses, logits
- stack.py: encoder and decoder: blocks of residual layers, one by one or as a loop
- loop.py: equal blocks as one XLA loop, with a gradient
- attention.py, feed_forward.py, relative_positions.py, embedding.py: layers
- sublayers.py: normalization and dropout, which stand around each layer
- losses.py: cross-entropy, z-loss, label smoothing
- parameters.py: where layers get their weights from
"""
