"""What a training step contains: it is traced once, before anything runs."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from exp.checkpoint.variables import named_variables
from exp.errors import UserError
from exp.exec import step
from exp.exec.executor import Program
from exp.exec.replicas import detailed_batch
from exp.loggers import collect
from exp.system.own_code import told

RANDOM = frozenset(
    {
        *("RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal", "RandomShuffle"),
        *("Multinomial", "RandomGamma", "RandomPoissonV2", "ParameterizedTruncatedNormal"),
    }
)
"""Operations of `tf.random` and `tf.nn.dropout`, which have a state that nothing can save."""
SILENT = ("keras.", "exp.")
"""Packages whose optimizers log nothing."""


class Probe(NamedTuple):
    """A training step, as far as one trace shows it."""

    operations: frozenset[str] | None
    """The kinds of operations in the network, whose gradients are not looked for; None if no graph is made."""
    summaries: tuple[str, ...]
    """Keys of what network and optimizer log by `exp.loggers.collect`."""
    notes: tuple[str, ...] = ()
    """A sentence about each thing that the network uses and that no checkpoint holds."""


def probe(program: Program, *, makes_graph: bool) -> Probe:
    """Look into the training step of a program. To be called in the executor's scope.

    Args:
        program: its model is traced, and not run; the update of its optimizer is traced too, if the optimizer is of
            neither Keras nor this project.
        makes_graph: False if steps run without a graph: nothing needs to be known ahead then, and a network may be
            more than a graph.

    Raises:
        UserError: the optimizer logs where nothing can be taken out.
    """
    model, optimizer, strategy = program.model, program.optimizer, program.strategy
    if program.own_step:
        return _probe_own(program) if makes_graph else Probe(None, ())
    talks = not type(optimizer).__module__.startswith(SILENT)
    if talks and strategy.num_replicas_in_sync > 1:
        _refuse_summaries_in_updates(optimizer)
    if not makes_graph:
        return Probe(None, ())
    found: dict[str, None] = {}

    def forward(x: Any) -> Any:
        with collect.collected() as own:
            outputs = [model(step.scaled(x), training=True), *model.losses]
        found.update(dict.fromkeys(own))
        return outputs, own

    def update(x: Any, y: Any) -> Any:
        with collect.collected() as own:
            done = step.train_step(model, optimizer=optimizer, task=program.task, features=x, targets=y, global_batch=1)
        found.update(dict.fromkeys(own))
        return done.loss

    taken, wanted = tf.nest.map_structure(
        lambda spec: tf.TensorSpec((None, *spec.shape), tf.as_dtype(spec.dtype)), (program.features, program.targets)
    )
    traced = tf.function(forward, autograph=False).get_concrete_function(taken).graph
    graph = traced.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    if talks:
        everywhere = tf.function(lambda *batch: strategy.run(update, args=batch), autograph=False)
        everywhere.get_concrete_function(taken, wanted)
    operations = frozenset(node.op for node in nodes)
    foreign = _foreign_variables(traced, {"model": model}) if strategy.num_replicas_in_sync == 1 else []
    return Probe(operations, tuple(found), tuple(_unsaved(sorted(operations & RANDOM), foreign)))


def _probe_own(program: Program) -> Probe:
    """Trace a step of the user's own as a whole.

    Raises:
        UserError: it fails.
    """
    own = program.own_step
    assert own is not None
    specs = tf.nest.map_structure(
        lambda spec: tf.TensorSpec((program.row_count, *spec.shape), tf.as_dtype(spec.dtype)),
        (program.features, program.targets),
    )
    found: dict[str, None] = {}

    def update(x: Any, y: Any, number: Any) -> Any:
        loss, details = detailed_batch(program, x, y, number)
        found.update(dict.fromkeys(details.summaries))
        return loss

    try:
        traced = tf.function(update, autograph=False).get_concrete_function(*specs, tf.TensorSpec((), tf.int32)).graph
    except UserError:
        raise
    except Exception as error:  # whatever the user's function raises
        raise UserError(f"{own.key}: {told(error)}") from error
    graph = traced.as_graph_def()
    operations = {node.op for node in [*graph.node, *(n for part in graph.library.function for n in part.node_def)]}
    foreign = _foreign_variables(traced, program.roots) if program.strategy.num_replicas_in_sync == 1 else []
    return Probe(None, tuple(found), tuple(_unsaved(sorted(operations & RANDOM), foreign)))


def _foreign_variables(graph: Any, roots: Mapping[str, Any]) -> list[str]:
    """Names of variables that a graph uses and that no root owns."""
    own = (named.variable for named in named_variables(roots).values())
    known = {id(variable if isinstance(variable, tf.Variable) else variable.value) for variable in own}
    return [variable.name for variable in graph.variables if id(variable) not in known]


def _unsaved(random: Sequence[str], foreign: Sequence[str]) -> list[str]:
    what = "in no checkpoint, so that a resumed run is not the undisturbed one"
    remedy = "a layer that draws random numbers needs a keras.random.SeedGenerator of its own"
    notes = []
    if random:
        notes.append(f"{', '.join(random)}: the state of these random numbers is {what}, nor do modes agree; {remedy}")
    if foreign:
        notes.append(f"{', '.join(foreign)}: used by the network and not a part of it, and {what}; {remedy}")
    return notes


def _refuse_summaries_in_updates(optimizer: Any) -> None:
    """On several replicas TensorFlow updates variables outside of any replica, in another thread."""
    own = optimizer.update_step

    def update_step(*arguments: Any, **named: Any) -> Any:
        with collect.collected() as found:
            done = own(*arguments, **named)
        if found:
            kind, _, name = next(iter(found)).partition("/")
            raise UserError(
                f"summary.{kind}({name!r}): is logged by {type(optimizer).__name__}.update_step, from where nothing "
                "can be taken out on several replicas; log it in the model, or in `apply`"
            )
        return done

    optimizer.update_step = update_step
