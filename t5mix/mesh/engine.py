"""A model on a mesh: its programs, compiled when first needed, and the state they work on."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from t5mix.mesh.compiling.arrays import COUNTED, Arrays, hash_of_name
from t5mix.mesh.compiling.compilation import fingerprint, kept
from t5mix.mesh.compiling.executables import Executables, shapes_of
from t5mix.mesh.decoding.results import Answers
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.devices import available_devices, jax
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.state import (
    State,
    StepMetrics,
    Stored,
    Variable,
    WeightsByName,
    all_finite,
    all_given,
    constants,
    fetched,
    is_constant,
    stored_value,
)
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.fine_tuning.prompt_start import prompt_from_vocabulary, wants_words
from t5mix.mesh.t5.fine_tuning.selection import PROMPT
from t5mix.mesh.t5.fine_tuning.unfreezing import trained_yet

if TYPE_CHECKING:
    from t5mix.mesh.programs import Programs

__all__ = ["COUNTED", "Answers", "Engine", "State", "StepMetrics", "Variable"]


class Engine:
    """Initializes, trains, scores and decodes with one model on one mesh, at one batch shape.

    Attributes:
        model, mesh, batch_size, lengths, num_tasks, step: what it was made of.

    Example:
        >>> engine = Engine(config, MeshConfig(shape="batch:2"), batch_size=32, lengths={"inputs": 128, "targets": 32})
        >>> state = engine.initialize(seed=0)
        >>> state, metrics = engine.train_step(state, batch, learning_rate=1e-2, step=0, seed=0)
        >>> ids = engine.greedy_decode(state, batch["inputs"])
    """

    def __init__(
        self,
        model: T5Config,
        mesh: MeshConfig,
        *,
        batch_size: int,
        lengths: Mapping[str, int],
        num_tasks: int = 1,
        step: StepConfig = StepConfig(),  # noqa: B008 - frozen
        devices: Sequence[Any] | None = None,
    ):
        """Checks that the mesh fits and finds out the variables; compiles nothing yet.

        Args:
            model: size and shape of the model.
            mesh: axes and layout.
            batch_size: rows of a batch, over all devices.
            lengths: positions of "inputs" and "targets"; a row of a decoder alone has as many as they have together.
            num_tasks: how many tasks `train_step` reports the loss of.
            step: what a training step does: optimizer, what is trained, micro batches, ...
            devices: to compile for; by default those of this machine.

        Raises:
            ValueError: the mesh is larger than the machine, or does not divide what it splits; or the model has nothing
                of what is to be trained.
        """
        step.check_batch(batch_size)
        split = {**model.dimensions(), "batch": batch_size // step.micro_batches}
        mesh.check(split, available_devices() if devices is None else len(devices), step.lengths(lengths))
        self.model, self.mesh = model, mesh
        self.batch_size, self.lengths = batch_size, dict(lengths)
        self.num_tasks, self.step = num_tasks, step
        parts = {"model": model, "mesh": mesh, "batch_size": batch_size, "lengths": self.lengths, "step": step}
        name = fingerprint({**parts, "num_tasks": num_tasks})
        self._arrays = Arrays.from_bytes(kept(f"{name}.arrays", lambda: self._programs.arrays.to_bytes()))
        self._on = Executables(mesh, name, self.num_parameters, devices)
        self._by_name, self._of_others = WeightsByName(), list[WeightsByName]()

    @functools.cached_property
    def _programs(self) -> "Programs":
        """The programs to be traced: only then is TensorFlow loaded."""
        from t5mix.mesh.programs import Programs

        return Programs(self.model, self.mesh, self.batch_size, self.lengths, self.num_tasks, self.step)

    def _traced(self, name: str, *tensors: Any) -> Any:
        return getattr(self._programs, name)(*tensors)

    @property
    def variables(self) -> list[Variable]:
        """All variables as they are on disk, whatever arrays hold them: weights first."""
        return self._arrays.variables

    @property
    def num_parameters(self) -> int:
        """Numbers in all weights."""
        return sum(int(np.prod(variable.shape)) for variable in self._arrays.weights)

    @property
    def trained_weights(self) -> list[Variable]:
        """Those of `variables` that training changes, without optimizer slots."""
        return [variable for one in self._arrays.trained_weights for variable in one.variables]

    @property
    def own_rows(self) -> slice:
        """The rows of a batch that this process must make: all of them, where there is one process."""
        return self._on.own_rows(self.batch_size)

    def counted_rows(self) -> list[slice]:
        """Returns those of `own_rows` that no process with a lower number has, too: each row is one process's."""
        return self._on.counted_rows(self.batch_size)

    def spread(self, name: str, array: np.ndarray) -> jax.Array:
        """Returns the value of the variable `name`, which every process has, laid out on the mesh."""
        return self._on.spread(array, self.shardings()[name])

    def shardings(self) -> dict[str, Any]:
        """Returns how each variable lies on the mesh, by name: what a checkpoint is restored into."""
        return {variable.name: self._on.sharding(variable.axes) for variable in self.variables}

    def compiled(self, name: str) -> Any:
        """Returns a program that has run, as JAX compiled it: `memory_analysis()`, `cost_analysis()`, `as_text()`.

        Args:
            name: "train_step", "score", "logits" or `Decoding.program`; "initialize NAME" for the array that the weight
                of that name is drawn into.
        """
        return self._on.compiled[name]

    def state(self, named: Mapping[str, jax.Array]) -> State:
        """Returns values of all variables by T5's names as a State, stacked where the training program wants that."""
        return State(self._arrays.stored, self._values(named, self._arrays.stored), self.step.trained)

    def with_step(self, step: StepConfig) -> "Engine":
        """Returns an engine of the same model, mesh and batch whose training step is another."""
        if step == self.step:
            return self
        given: dict[str, Any] = {"batch_size": self.batch_size, "lengths": self.lengths, "num_tasks": self.num_tasks}
        return Engine(self.model, self.mesh, **given, step=step)

    def initialize(self, seed: int, given: Mapping[str, jax.Array] | None = None) -> State:
        """Draws the first state, a function of the seed alone: each device its own part, and no full copy is made.

        One program serves all arrays of a shape and distribution; the names of the variables and the scale of the
        distribution are its arguments.

        Args:
            seed: of random numbers.
            given: values that are there already, by T5's names, such as a checkpoint's weights; the rest is drawn.

        Raises:
            ValueError: a weight is given for some blocks of a stack, and not for others.
        """
        stored = self._arrays.stored
        ready = all_given(stored, given or {})
        values = dict(zip((one.name for one in ready), self._values(given or {}, ready), strict=True))
        constant = [one for one in stored if is_constant(one) and one.name not in values]
        values |= dict(zip((one.name for one in constant), constants(constant, self._on.sharding), strict=True))
        for one in stored:
            if one.name not in values:
                names = np.array([hash_of_name(variable) for variable in one.variables], np.uint32)
                scale = np.float32(one.variables[0].initializer.scale)
                values[one.name] = self._draw_program(one)(_key(seed, 0), names, scale)[0]
        if wants_words(self.step.trained) and PROMPT not in (given or {}):
            embedding = fetched(values["shared/embedding"])
            words = prompt_from_vocabulary(embedding, self.step.trained, self.model.vocab_size, seed)
            values[PROMPT] = self._on.spread(words, values[PROMPT].sharding)
        return State(stored, [values[one.name] for one in stored], self.step.trained)

    def _draw_program(self, one: Stored) -> Any:
        shape, kind = "x".join(map(str, one.shape)), one.variables[0].initializer.kind
        program = self._on.compile(
            f"initialize {kind} {shape} {one.stacked} {one.axes}",
            lambda *tensors: (self._programs.draw(one, *tensors),),
            [_KEY, jax.ShapeDtypeStruct((len(one.variables),), np.uint32), jax.ShapeDtypeStruct((), np.float32)],
            [jax.ShapeDtypeStruct(one.shape, np.float32)],
            results=[one],
        )
        self._on.compiled[f"initialize {one.name}"] = program
        return program

    def all_finite(self, state: Mapping[str, jax.Array]) -> bool:
        """Tells whether no value is infinite or NaN."""
        return all_finite(state)

    def train_step(
        self,
        state: Mapping[str, jax.Array],
        batch: Mapping[str, np.ndarray],
        *,
        learning_rate: float,
        step: int,
        seed: int,
        slots_since: int = 0,
        decay_rate: float | None = None,
    ) -> tuple[State, StepMetrics]:
        """Does one optimizer step; `state` is given up (its memory is used again).

        Args:
            state: values of all variables: a State, or any mapping of T5's names to arrays.
            batch: int32 arrays [batch, length] by name, as `Stream.batch` gives them, of all rows or of `own_rows`
                alone; with `COUNTED` where the loss of some tokens is not minimized: it is reported all the same.
            learning_rate: of the optimizer; Adafactor's is relative to the scale of each weight.
            step: counted from 0; with `seed` it decides the dropout masks.
            seed: of the run.
            slots_since: the step at which the optimizer's slots were new; negative in an earlier training.
            decay_rate: of Adafactor's second moments, where it is not to follow from the step; in [0, 1).

        Returns:
            The new state and what the step reports.
        """
        self._by_name.forget()
        frozen, changing, first = self._arrays.frozen, self._arrays.changing, self._arrays.first_steps
        rates = np.array(self.step.rates(learning_rate, step, slots_since, first, decay_rate), np.float32)
        compiled = self.compile_train_step(counted=COUNTED in batch)
        names = self._features_of_step(COUNTED in batch)
        features = [self._on.place(batch[name], self.batch_size) for name in names]
        untouched, values = self._values(state, frozen), self._values(state, changing)
        loss, norm, task_nats, task_tokens, *new = compiled(*features, rates, _key(seed, step + 1), *untouched, *values)
        after = State([*frozen, *changing], [*untouched, *new], self.step.trained, slots_since)
        return after, StepMetrics(loss, norm, task_nats, task_tokens)

    def compile_train_step(self, counted: bool = False) -> Any:
        """Compiles the training step from shapes alone, once; `counted` where batches have `COUNTED`."""
        names, changing = self._features_of_step(counted), self._arrays.changing

        def program(*tensors: Any) -> tuple[Any, ...]:
            features, (rates, key, *values) = dict(zip(names, tensors, strict=False)), tensors[len(names) :]
            return self._programs.train_step(features, rates, key, values)

        number, tasks = (jax.ShapeDtypeStruct(shape, np.float32) for shape in ((), (self.num_tasks,)))
        rates = self.step.rates(0.0, 0, 0, self._arrays.first_steps, None)
        return self._on.compile(
            "train_step on a part of the losses" if counted else "train_step",
            program,
            [*map(self._feature, names), jax.ShapeDtypeStruct(np.shape(rates), np.float32), _KEY],
            [number, number, tasks, tasks, *shapes_of(changing)],
            arguments=[*self._arrays.frozen, *changing],
            results=changing,
            donate=len(changing),
        )

    def _features_of_step(self, counted: bool) -> tuple[str, ...]:
        return (*self._arrays.features, "targets_task", *([COUNTED] if counted else []))

    def gradients(
        self, state: Mapping[str, jax.Array], batch: Mapping[str, np.ndarray], *, step: int, seed: int
    ) -> list[jax.Array]:
        """Returns the gradients of a step, as `train_step` has them before they are clipped: one a trained array.

        Args:
            state: values of all variables; they stay.
            batch: as of `train_step`, with `COUNTED`. Gradients of parts of the losses add up to those of all.
            step: as of `train_step`.
            seed: as of `train_step`.
        """
        names = (*self._arrays.features, "targets_task", COUNTED)

        def program(*tensors: Any) -> tuple[Any, ...]:
            features, (key, *values) = dict(zip(names, tensors, strict=False)), tensors[len(names) :]
            return self._programs.gradients(features, key, values)

        trained = self._arrays.trained_weights
        read = [*self._arrays.frozen, *trained]
        inputs = [*map(self._feature, names), _KEY]
        compiled = self._on.compile("gradients", program, inputs, shapes_of(trained), arguments=read, results=trained)
        placed = [self._on.place(batch[name], self.batch_size) for name in names]
        found: list[jax.Array] = list(compiled(*placed, _key(seed, step + 1), *self._values(state, read)))
        return trained_yet(found, [len(one.variables) for one in trained], self._arrays.first_steps, step)

    def score(self, state: Mapping[str, jax.Array], batch: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the log-likelihood of each row's targets given its inputs: float32 [batch], in nats."""
        result = jax.ShapeDtypeStruct((self.batch_size,), np.float32)
        return self._predict("score", state, batch, result)

    def logits(self, state: Mapping[str, jax.Array], batch: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the logits of each target token: float32 [batch, positions of the decoder, padded vocabulary]."""
        shape = (self.batch_size, self.model.positions("targets", self.lengths), self.model.padded_vocab_size)
        return self._predict("logits", state, batch, jax.ShapeDtypeStruct(shape, np.float32))

    def greedy_decode(self, state: Mapping[str, jax.Array], inputs: np.ndarray) -> np.ndarray:
        """Takes the likeliest token, again and again: int32 [batch, targets length]; see `decode`."""
        return self.decode(state, inputs, Decoding()).ids[:, 0]

    def decode(
        self,
        state: Mapping[str, jax.Array],
        inputs: np.ndarray,
        decoding: Decoding,
        numbers: np.ndarray | None = None,
        others: Sequence[Mapping[str, jax.Array]] = (),
    ) -> Answers:
        """Returns the best answers to each input.

        Args:
            state: values of all variables, or of the weights alone.
            inputs: int32 [batch, inputs length], ending in EOS and padded with 0.
            decoding: the settings; programs are compiled for all of them but the seed.
            numbers: int32 [batch], of the inputs: samples depend on them, and rows with a negative one are not
                decoded; None means 0, 1, ...
            others: states of further models of this kind: all together answer as an ensemble.
        """
        compiled = self.compile_decode(decoding, 1 + len(others))
        return Answers(*self._answer(compiled, [state, *others], inputs, numbers, _key(decoding.seed, 0)))

    def compile_decode(self, decoding: Decoding, models: int = 1) -> Any:
        """Compiles the program of `decode` from shapes alone, once; `models` answer together."""
        decoding.check(self.model.vocab_size)
        spec, shape = jax.ShapeDtypeStruct, (self.batch_size, decoding.best)
        results = [spec((*shape, self.lengths["targets"]), np.int32), spec(shape, np.float32)]
        program = functools.partial(self._traced, "decode", decoding)
        return self._compile_answer(decoding.program, program, results, self.lengths["inputs"], _KEY, models)

    def target_scores(
        self,
        state: Mapping[str, jax.Array],
        inputs: np.ndarray,
        targets: np.ndarray,
        numbers: np.ndarray | None = None,
        others: Sequence[Mapping[str, jax.Array]] = (),
    ) -> np.ndarray:
        """Returns the log-likelihood of several targets of each input, which is encoded once.

        Args:
            state: values of all variables, or of the weights alone.
            inputs: int32 [batch, inputs length], ending in EOS and padded with 0.
            targets: int32 [batch, targets of an input, any length], padded with 0; each shape has a program.
            numbers: int32 [batch]; rows with a negative one are left out.
            others: see `decode`.

        Returns:
            float32 [batch, targets of an input], in nats; 0 for a target of nothing but padding.
        """
        name = f"score {targets.shape[1]} targets of {targets.shape[2]}"
        results = [jax.ShapeDtypeStruct(targets.shape[:2], np.float32)]
        targets = targets.astype(np.int32)
        other = jax.ShapeDtypeStruct(targets.shape, np.int32, sharding=self._on.rows)
        program = functools.partial(self._traced, "target_scores")
        compiled = self._compile_answer(name, program, results, inputs.shape[1], other, 1 + len(others))
        return self._answer(compiled, [state, *others], inputs, numbers, self._on.spread(targets, self._on.rows))[0]

    def _compile_answer(
        self, name: str, program: Callable, results: Sequence[Any], length: int, other: Any, models: int
    ) -> Any:
        """Compiles a program of inputs, numbers, something else, and the weights of so many models."""
        name += f" by {models} models" if models > 1 else ""
        rows = [(self.batch_size, length), (self.batch_size,)]
        inputs = [*(jax.ShapeDtypeStruct(shape, np.int32, sharding=self._on.rows) for shape in rows), other]
        return self._on.compile(name, program, inputs, results, arguments=self._arrays.weights * models)

    def _answer(self, compiled: Any, states: Sequence[Mapping], *given: Any) -> list[np.ndarray]:
        """Runs such a program."""
        inputs, numbers, other = given
        numbers = np.arange(self.batch_size, dtype=np.int32) if numbers is None else numbers.astype(np.int32)
        placed = [self._on.place(array, self.batch_size) for array in (inputs, numbers)]
        self._of_others += [WeightsByName() for _ in range(len(states) - 1 - len(self._of_others))]
        cut = zip([self._by_name, *self._of_others], states, strict=False)
        values = [value for by_name, state in cut for value in by_name(state, self._arrays.weights)]
        return [np.asarray(result) for result in compiled(*placed, other, *values)]

    def _predict(
        self, name: str, state: Mapping[str, jax.Array], batch: Mapping[str, np.ndarray], result: Any
    ) -> np.ndarray:
        names = self._arrays.features

        def program(*tensors: Any) -> tuple[Any]:
            features = dict(zip(names, tensors, strict=False))
            return (self._traced(name, features, tensors[len(names) :]),)

        features = [*map(self._feature, names)]
        compiled = self._on.compile(name, program, features, [result], arguments=self._arrays.stored_weights)
        placed = [self._on.place(batch[feature], self.batch_size) for feature in names]
        return np.asarray(compiled(*placed, *self._values(state, self._arrays.stored_weights))[0])

    def _feature(self, name: str) -> Any:
        shape = (self.batch_size, self.model.positions(name, self.lengths))
        return jax.ShapeDtypeStruct(shape, np.int32, sharding=self._on.rows)

    def _values(self, state: Mapping[str, jax.Array], stored: Sequence[Stored]) -> list[jax.Array]:
        return [stored_value(state, one, self._on.sharding) for one in stored]


_KEY = jax.ShapeDtypeStruct((2,), np.uint32)


def _key(seed: int, step: int) -> np.ndarray:
    return np.array([seed % 2**32, step], np.uint32)
