"""A rehearsal: what is refused before it begins, and a whole one where libtpu is installed."""

import json

import pytest

from t5mix.cli.main import main
from t5mix.declarations.registry import get_mixture_or_task
from t5mix.runs.config import binding
from t5mix.runs.preflight.dry_run import open_stream
from t5mix.runs.preflight.plans.rehearsal.meshes import search_meshes
from t5mix.runs.preflight.plans.rehearsal.rehearse import _MOST_BATCHES, Topology, _stream_rate, check_rehearsal
from tests.mesh.compiling.topologies import needs_libtpu

FOUR = Topology("v5e:2x2", 1, [object()] * 4)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (["MeshConfig.shape = 'batch:2'"], "is 'batch:2', 2 cores, and v5e:2x2 has 4: use all of them"),
        (["MeshConfig.shape = 'model:4'"], "splits heads in 4 .* use a multiple of 4"),
        (["MeshConfig.shape = 'batch:4'", "Run.batch_size = 6"], "Run.batch_size: .* splits batch in 4"),
        (["MeshConfig.shape = 'batch:4'", "Evaluation.batch_size = 6"], "Evaluation.batch_size: .* splits batch in 4"),
        (["MeshConfig.shape = 'batch:4'", "Run.train = None", "Run.finetune = None"], "bind Training.steps"),
        (["MeshConfig.shape = 'batch:4'", "Run.mixture = 'toys'"], "toys"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_compiled(toy, gin_file, params, message):
    run = binding.bind([str(gin_file)], params).run
    with pytest.raises(ValueError, match=message):
        check_rehearsal(run, FOUR)


def test_a_stream_that_ends_is_measured_over_and_over(toy, gin_file):
    run = binding.bind([str(gin_file)]).run
    finite = get_mixture_or_task("toy").with_mixing(max_epochs=1.0)
    assert open_stream(run, finite).steps < _MOST_BATCHES
    rate, why_not = _stream_rate(run, finite)
    assert rate and rate > 0 and not why_not


def test_a_search_for_what_is_not_declared_is_refused_at_once(toy, gin_file):
    run = binding.bind([str(gin_file)], ["Run.mixture = 'toys'"]).run
    with pytest.raises(ValueError, match="toys"):
        search_meshes(run, FOUR)


@pytest.mark.slow
@needs_libtpu
def test_a_run_is_rehearsed_and_nothing_is_written(toy, gin_file, capsys):
    mesh = "MeshConfig.shape = 'batch:2;model:2'"
    command = [
        "rehearse",
        "--topology",
        "v5e:2x2",
        "--gin_file",
        str(gin_file),
        "--gin_param",
        mesh,
        "--format",
        "json",
    ]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["chips"], found["cores"], found["hosts"], found["fits"]) == (4, 4, 1, True)
    train, decode = found["programs"]
    assert train["name"] == "train_step" and decode["name"] == "greedy_decode"
    assert {one["kind"] for one in train["collectives"]} >= {"all-reduce"}
    assert {axis for one in train["collectives"] for axis in one["axes"]} == {"batch", "model"}
    memory = train["memory_per_core"]
    assert 0 < memory["needed"] < memory["core"] == 16 * 2**30
    # Three times the products of a forward pass, and none of the loops counted once.
    assert train["flops_per_core"] > 3 * 2 * 4 * 16 * 16 * 32 / 4 and train["unknown_loops"] == 0
    training = found["training"]
    assert training["steps"] == 6 and training["tokens_per_step"] == 4 * 24
    assert training["chip_hours"] == pytest.approx(4 * 6 * training["step_seconds"] / 3600)
    assert found["feed"]["stream_here"] > 0
    assert found["feed"]["sequences_per_second_and_host"] == pytest.approx(4 / training["step_seconds"])
    assert not (gin_file.parent / "run").exists()


@pytest.mark.slow
@needs_libtpu
def test_meshes_are_ranked(toy, gin_file, capsys):
    command = ["rehearse", "--topology", "v5e:2x2", "--gin_file", str(gin_file), "--search"]
    assert main([*command, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    tried = [(one["mesh"], one["layout"].count("weights:batch")) for one in found]
    both = [(mesh, sharded) for mesh in ("batch:4", "batch:2;model:2") for sharded in (0, 1)]
    assert sorted(tried) == sorted([*both, ("model:4", 0)])
    times = [one["step_seconds"] for one in found if one["fits"]]
    assert len(times) == 4 and times == sorted(times)
    assert "splits heads in 4" in found[-1]["reason"]


def test_without_libtpu_the_command_says_what_to_install(toy, gin_file, capsys):
    import importlib.util

    if importlib.util.find_spec("libtpu"):
        pytest.skip("libtpu is installed")
    assert main(["rehearse", "--topology", "v5e:2x2", "--gin_file", str(gin_file)]) == 2
    assert "pip install 't5mix[tpu]'" in capsys.readouterr().err
