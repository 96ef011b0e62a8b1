"""What no machine could hold is refused before any work."""

import dataclasses

import pytest

from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.t5.config import T5Config
from t5mix.runs.config.settings import Run
from t5mix.runs.preflight.memory import check_memory

BASE = T5Config(
    vocab_size=32128, d_model=768, d_ff=3072, num_heads=12, d_kv=64, num_encoder_layers=12, num_decoder_layers=12
)
RUN = Run(folder="x", mixture="x", sequence_length={"inputs": 512, "targets": 114}, batch_size=128, model=BASE)
GIB = 2**30


def test_what_fits_passes() -> None:
    check_memory(RUN)
    check_memory(RUN, memory=GIB)


def test_a_batch_that_does_not_fit_is_refused_with_both_sizes() -> None:
    large = dataclasses.replace(RUN, batch_size=2**31 - 1)
    with pytest.raises(ValueError, match=r"Run.batch_size = 2147483647 .* needs [\d,.]+ GiB at least, .* has 16.0 GiB"):
        check_memory(large, memory=16 * GIB)


def test_weights_are_counted_on_each_device() -> None:
    model = dataclasses.replace(BASE, d_model=2**16, d_ff=2**18)
    large = dataclasses.replace(RUN, model=model)
    with pytest.raises(ValueError, match=r"the weights of T5Config.* on each device .* has 64.0 GiB"):
        check_memory(large, memory=64 * GIB)
    check_memory(dataclasses.replace(large, mesh=MeshConfig(shape="model:64,batch:1".replace(",", ";"))), 1024 * GIB)
