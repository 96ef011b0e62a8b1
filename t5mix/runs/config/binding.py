"""gin settings become one `Run`: the only module that lets gin build something.

Everything else in t5mix takes ordinary arguments.
"""

import dataclasses
import functools
import os
import re
import typing
from collections.abc import Callable, Sequence

from t5mix.declarations import discovery, rates
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.settings import Optimizer, adafactor
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything
from t5mix.runs.config import gin_check
from t5mix.runs.config import gin_files as statements
from t5mix.runs.config.gin_files import Binding, Location, Reference
from t5mix.runs.config.gin_library import config as gin_config
from t5mix.runs.config.mixing import Mixing
from t5mix.runs.config.settings import Evaluation, Finetuning, Run, Training
from t5mix.training import schedules

# What a gin file may bind, by the name that it uses.
CONFIGURABLES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        Run,
        T5Config,
        MeshConfig,
        Training,
        Finetuning,
        Evaluation,
        Decoding,
        Mixing,
        rates.linear,
        rates.UniMax,
        *typing.get_args(schedules.Schedule),
        *typing.get_args(Optimizer),
        *typing.get_args(Trained),
    )
}

ROOT = "Run"
_OWN = Location("t5mix's own settings")


@dataclasses.dataclass(frozen=True)
class Bound:
    """A run, with the two texts that record what it was bound by.

    Attributes:
        run: what the settings say.
        config: every binding, used or not, as a gin file.
        operative_config: every setting that built the run, defaults included, as a gin file that
            builds it again.
    """

    run: Run
    config: str
    operative_config: str


def bind(
    gin_files: Sequence[str],
    gin_params: Sequence[str] = (),
    *,
    include: Sequence[str] = (),
    vocab_size: Callable[[str, tuple[str, ...]], int] | None = None,
) -> Bound:
    """Binds a run by gin files and single settings, after checking them.

    A part of the run (`Training`, `Finetuning`, ...) is built as soon as one of its parameters is
    bound, unless `Run` says otherwise: `Run.finetune = None`.

    Args:
        gin_files: paths, or names within the shipped gin folder; later files override earlier ones.
        gin_params: single settings, which override all files.
        include: files and folders of declarations, added to those that `Run.include` binds.
        vocab_size: gives `T5Config.vocab_size` where it is not bound, from the mixture's name and
            the declarations files.

    Raises:
        FileNotFoundError: a gin file is missing.
        ValueError: a setting can not be right; one line with file, line and fix.
    """
    bindings = statements.read(gin_files, gin_params)
    bindings = [*_parts(bindings), *bindings]
    derive = vocab_size is not None and not _binds(bindings, "T5Config.vocab_size")
    if derive:  # the settings are checked first, because looking at tasks is slower
        bindings.append(Binding("", "T5Config", "vocab_size", 1, Location("")))
    effective = gin_check.check(bindings, CONFIGURABLES, ROOT)
    effective = _with_included(effective, include)
    if derive and vocab_size is not None:
        effective = _with_vocab_size(effective, vocab_size)
    return _build(effective)


def _binds(bindings: Sequence[Binding], key: str) -> bool:
    return any(binding.key.removeprefix("t5mix.") == key for binding in bindings)


def _with_included(effective: Sequence[Binding], include: Sequence[str]) -> list[Binding]:
    """Adds declarations files to `Run.include`, so that the run's record names all that it needs.

    Those that a run folder recorded are left out, but for TOML where the user names none: code runs when the user
    names it.
    """
    by_key = {binding.key: binding for binding in effective}
    bound = gin_check.expand(by_key["Run.include"], by_key) if "Run.include" in by_key else ()
    # Absolute, so that the record holds wherever it is read from.
    named = list(dict.fromkeys(map(os.path.abspath, include)))
    stays = list(bound)
    if "Run.include" in by_key and gin_check.is_recorded(by_key["Run.include"], by_key):
        stays = [path for path in bound if os.path.abspath(path) in named or (not named and _runs_nothing(path))]
        discovery.mention([path for path in bound if path not in stays])
    there = [os.path.abspath(path) for path in stays]
    stays += [path for path in named if path not in there]
    if stays == list(bound):
        return list(effective)
    others = [binding for binding in effective if binding.key != "Run.include"]
    return [*others, Binding("", ROOT, "include", tuple(stays), Location("--include"))]


def _runs_nothing(path: str) -> bool:
    return path.endswith(".toml") and os.path.isfile(path)


def _with_vocab_size(effective: Sequence[Binding], vocab_size: Callable[[str, tuple[str, ...]], int]) -> list[Binding]:
    """Gives `T5Config.vocab_size` the size of the mixture's vocabulary."""
    by_key = {binding.key: binding for binding in effective}
    mixture = gin_check.expand(by_key["Run.mixture"], by_key)
    include = gin_check.expand(by_key["Run.include"], by_key) if "Run.include" in by_key else ()
    size = vocab_size(mixture, tuple(include))
    location = Location(f"the vocabulary of {mixture}")
    return [
        dataclasses.replace(binding, value=size, location=location) if binding.key == "T5Config.vocab_size" else binding
        for binding in effective
    ]


def _parts(bindings: Sequence[Binding]) -> list[Binding]:
    """Returns `Run.train = @Training()` and its like, for each part that is needed or that something binds."""
    bound = {binding.configurable.removeprefix("t5mix.") for binding in bindings}
    parts = []
    for name, annotation in typing.get_type_hints(Run).items():
        for kind in typing.get_args(annotation) or (annotation,):
            optional = type(None) in typing.get_args(annotation)
            if kind in CONFIGURABLES.values() and (not optional or kind.__name__ in bound):
                reference = Reference(kind.__name__, evaluate=True)
                parts.append(Binding("", ROOT, name, reference, _OWN))
    # Written out, so that the record says them with all their options.
    for part in (Training.__name__, Finetuning.__name__):
        if part in bound:
            parts.append(Binding("", part, "optimizer", Reference(adafactor.__name__, evaluate=True), _OWN))
            parts.append(Binding("", part, "trained", Reference(everything.__name__, evaluate=True), _OWN))
    return parts


def _build(effective: Sequence[Binding]) -> Bound:
    """Lets gin build the run; its state, which is global, is clean before and after."""
    _register()
    gin_config.clear_config()
    try:
        gin_config.parse_config([_gin_line(binding) for binding in effective])
        run = gin_config.get_configurable(f"t5mix.{ROOT}")()
        config, operative = gin_config.config_str(), gin_config.operative_config_str()
    except ValueError as error:
        raise _located(error, effective) from None
    finally:
        gin_config.clear_config()
    return Bound(run, f"{config.strip()}\n", f"{operative.strip()}\n")


@functools.cache
def _register() -> None:
    for name, kind in CONFIGURABLES.items():
        gin_config.external_configurable(kind, name=name, module="t5mix")


def _gin_line(binding: Binding) -> str:
    """Returns the statement with full names; gin has a `constant` of its own."""
    if binding.is_macro:
        return f"{binding.key} = {_qualified(binding.value)!r}"
    scope = f"{binding.scope}/" if binding.scope else ""
    name = f"{scope}t5mix.{binding.configurable}.{binding.parameter}"
    return f"{name} = {_qualified(binding.value)!r}"


def _qualified(value: typing.Any) -> typing.Any:
    """Returns the value with `@name()` written as `@t5mix.name()`."""
    if isinstance(value, Reference):
        scope, slash, name = value.name.rpartition("/")
        name = f"t5mix.{name.removeprefix('t5mix.')}"
        return Reference(f"{scope}{slash}{name}", value.evaluate)
    if isinstance(value, list | tuple):
        return type(value)(_qualified(item) for item in value)
    if isinstance(value, dict):
        return {_qualified(key): _qualified(item) for key, item in value.items()}
    return value


def _located(error: ValueError, effective: Sequence[Binding]) -> ValueError:
    """Returns a dataclass's own message, with the file and line of the binding that it names."""
    message = str(error).split("\n  In call to configurable")[0]
    named = re.match(r"[A-Za-z_]\w*\.\w+", message)
    for binding in effective:
        if named and f"{binding.configurable}.{binding.parameter}" == named.group():
            return ValueError(f"{binding.location}: {message}")
    return ValueError(message)
