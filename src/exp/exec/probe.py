"""What a training step contains: it is traced once, before anything runs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from exp.checkpoint.variables import named_variables
from exp.errors import UserError
from exp.exec import step
from exp.exec.averages import tensorflow_variable
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
        return _probe_own(program, makes_graph)
    talks = not type(optimizer).__module__.startswith(SILENT)
    if talks and strategy.num_replicas_in_sync > 1:
        _refuse_summaries_in_updates(optimizer)
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
    try:
        traced = tf.function(forward, autograph=False).get_concrete_function(taken).graph
    except Exception:
        if makes_graph:
            raise
        return Probe(None, ())  # without a graph a network may be more than one
    nodes = _nodes(traced)
    if talks and makes_graph:
        everywhere = tf.function(lambda *batch: strategy.run(update, args=batch), autograph=False)
        everywhere.get_concrete_function(taken, wanted)
    operations = frozenset(node.op for node in nodes)
    notes = tuple(_unsaved(sorted(operations & RANDOM), _foreign_variables(traced, program)))
    return Probe(operations, tuple(found), notes) if makes_graph else Probe(None, (), notes)


def _probe_own(program: Program, makes_graph: bool) -> Probe:
    """Trace a step of the user's own as a whole; where steps run without a graph, it need not be one.

    Raises:
        UserError: it fails, or is another one each time.
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

    def trace() -> Any:
        return tf.function(update, autograph=False).get_concrete_function(*specs, tf.TensorSpec((), tf.int32)).graph

    try:
        traced, again = trace(), trace()
    except UserError:
        raise
    except Exception as error:  # whatever the user's function raises
        if not makes_graph:
            return Probe(None, (), (f"{own.key}: makes no graph, so that it is not known what it draws or keeps",))
        raise UserError(f"{own.key}: {told(error)}{_remedy(error)}") from error
    nodes, repeated = _nodes(traced), _nodes(again)
    if _constants(nodes) != _constants(repeated):
        raise UserError(
            f"{own.key}: another value of Python or NumPy is in it each time that it is traced (np.random, a counter), "
            "and a graph would keep the first one; draw by `random`, and take `step` for the number of steps"
        )
    operations = {node.op for node in nodes}
    unused = [f"{own.key}: does not apply the optimizer of {name}" for name in own.unused if name]
    notes = [*_unsaved(sorted(operations & RANDOM), _foreign_variables(traced, program)), *unused]
    return Probe(None, tuple(found) if makes_graph else (), tuple(notes))


def _nodes(graph: Any) -> list[Any]:
    """The operations of a graph, and of the functions in it."""
    definition = graph.as_graph_def()
    return [*definition.node, *(node for function in definition.library.function for node in function.node_def)]


def _constants(nodes: Sequence[Any]) -> list[bytes]:
    """The values in a graph, in an order that does not depend on names."""
    return sorted(node.attr["value"].tensor.SerializeToString() for node in nodes if node.op == "Const")


def _remedy(error: Exception) -> str:
    """What to do about an error of TensorFlow's that says it in its own terms."""
    known = {
        "OperatorNotAllowedInGraphError": "; in a graph tf.cond or tf.where decides by a tensor, not `if`",
        "merge_call": "; on several replicas an optimizer cannot be applied inside a tf.cond or a loop of the graph",
        "singleton tf.Variable": "; a step makes no variables, which belong to the model",
    }
    text = f"{type(error).__name__}: {error}"
    return next((remedy for sign, remedy in known.items() if sign in text), "")


def _foreign_variables(graph: Any, program: Program) -> list[str]:
    """Names of variables that a graph uses and that neither model nor optimizer owns."""
    own = (named.variable for named in named_variables(program.roots).values())
    held = [tensorflow_variable(variable) for variable in own]
    local = program.strategy.experimental_local_results
    known = {id(one) for variable in held for one in (variable, *local(variable))}
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
