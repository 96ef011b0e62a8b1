"""Optimizers: from a gradient to new values of a weight and of its slots, as TensorFlow functions.

- adafactor.py: Adafactor, T5's
"""
