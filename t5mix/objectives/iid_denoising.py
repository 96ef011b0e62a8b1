"""T5's objectives of independent noise: each token is noise or not by itself."""

from t5mix.objectives import token_functions
from t5mix.objectives.denoising import Denoising

# Spans of noise become sentinels, and are to be restored: T5's baseline ("replace corrupted spans").
iid_denoising = Denoising(name="iid_denoising")

# Each noise token becomes a sentinel or, one in ten, a random token; the whole text is to be restored.
bert_style = Denoising(
    name="bert_style",
    inputs_fn=token_functions.noise_token_to_random_token_or_sentinel,
    targets_fn=None,
)

# Each noise token becomes a sentinel; the whole text is to be restored.  Song et al. 2019, arXiv:1905.02450.
mass_style = Denoising(name="mass_style", inputs_fn=token_functions.noise_token_to_sentinel, targets_fn=None)

# Noise is left out, and is to be listed.
drop_tokens = Denoising(
    name="drop_tokens",
    inputs_fn=token_functions.drop_noise_tokens,
    targets_fn=token_functions.drop_nonnoise_tokens,
)
