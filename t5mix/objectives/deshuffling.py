"""Deshuffling: the text is put in a random order, and is to be restored."""

from t5mix.objectives import token_functions
from t5mix.objectives.denoising import Denoising

# T5 cuts each document by itself here.  Source: Liu et al. 2019, arXiv:1905.13497.
deshuffling = Denoising(
    name="deshuffling",
    merge_examples_to_reduce_padding=False,
    noise_density=1.0,
    inputs_fn=token_functions.permute_noise_tokens,
    targets_fn=None,
)
