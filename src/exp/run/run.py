"""A run from its request to `results.json`. This file reads from top to bottom as what a run does.

The order, and what would go wrong in another one:

0. The workers meet, if there are several: before TensorFlow is imported, which waits an hour for one that never comes.
1. The folder's lock comes first: nothing is written into a folder that another process has.
2. TensorFlow is imported. All that can be checked without it was checked when the request was made.
3. The components are built: the devices, which are fixed from then on; the data; the network; the executor.
4. The variables get their initial state. Only now is it certain that the request is possible.
5. `.hydra/` and `manifest.json` are written: the folder becomes that of a run. An old `results.json` goes, because a
   resumed run that is killed must not look as if it had ended.
6. Training. At each checkpoint the log is flushed before the checkpoint is written: a checkpoint must never be ahead of
   the log. Before training ends, all checkpoints are on disk.
7. The digest of the weights is taken. Then the test, of these weights, or of the best ones if there is a choice.
8. The loggers of the folder are closed, so that a complete log stands beside the results.
9. `results.json` is written, last and in one atomic step. Whoever sees it knows that the run has ended.
10. The loggers outside of the folder get a few seconds, and what they may send of it is complete.
11. The lock is given back, and then the other workers are released: TensorFlow's servers need the chief's until then.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exp.config.config_hash import config_hash
from exp.config.flat import flat_config
from exp.config.length import length_of
from exp.config.metric_rules import metric_names
from exp.config.targets import needed_prefixes, target_names
from exp.data.read_ahead import begin_to_read, is_bundled
from exp.distributed import Group
from exp.errors import UserError
from exp.loggers.console import Display
from exp.loggers.outside import OutsideLoggers
from exp.run.build import build
from exp.run.components import Components
from exp.run.gather_workers import gathered
from exp.run.outside import check_own, outside_loggers
from exp.run.request import Request
from exp.run_folder import names
from exp.run_folder.folder import Folder, NoFolder, RunFolder
from exp.run_folder.new import remove_refused
from exp.run_folder.results import Results, ResultsSoFar, not_tested
from exp.run_folder.test_readings import TestReadings
from exp.system.compiled_steps import compiled_steps_kept
from exp.system.files import storage_problem
from exp.system.own_code import told
from exp.system.signals import Stopped, StopRequest, check_current
from exp.system.tensorflow import import_tensorflow, native_messages_to

if TYPE_CHECKING:
    from exp.loggers.logger import Loggers
    from exp.run.context import RunContext
    from exp.run.initial_state import InitialState
    from exp.run.tested import Tested

log = logging.getLogger("exp")


def run(request: Request, display: Display, *, started: float) -> int:
    """Do a run, together with its other workers if there are any, and write everything that it leaves behind.

    Args:
        request: what to do.
        display: what the person sees.
        started: `time.perf_counter()` at the start of the program.

    Returns:
        The exit status: 0 completed, 1 failed or diverged, 130, 143 or 129 stopped by a signal.

    Raises:
        UserError: the request is impossible here. Its new folder is gone, unless run.log has a traceback to read.
    """
    folder, made = request.folder.absolute(), request.made and request.made.absolute()  # code may change the place
    try:
        with gathered(request, display) as member:
            return _run(member.request, member.display, started, member.group)
    except UserError as error:
        if request.sweep is not None:  # its table names the log
            raise
        raise UserError(f"{error}{remove_refused(folder, made, shown=request.folder)}") from error


def _run(request: Request, display: Display, started: float, group: Group) -> int:
    """Do a run as a member of its group: all run the same code, and the chief alone writes."""
    folder: Folder = RunFolder(request.folder) if group.is_chief else NoFolder(request.folder)
    log_file = request.folder / (names.LOG if group.is_chief else names.worker_log(group.index))
    known = metric_names(request.config.task) or []  # those of a user's own task are known once it is made
    so_far = ResultsSoFar(Results(mode=request.config.mode, test=not_tested(known)))
    logging.captureWarnings(True)  # Keras warns of a network at length, before its error says the same
    logging.raiseExceptions = False  # a full disk stops the log: the person shall not see a traceback for each line
    begun, outside = True, OutsideLoggers()
    kept = compiled_steps_kept(threads=request.config.device.threads)
    with native_messages_to(log_file), kept as all_kept, StopRequest() as stop:
        stop.leaves = group.size == 1  # several processes stop together, once they agree on it
        if folder.note:
            display.say(folder.note)
        try:
            _stages(request, folder, display, so_far, stop=stop, group=group, outside=outside, all_kept=all_kept)
        except Stopped:
            begun = False
            so_far.add(status="interrupted")
            display.say(f"stopped by a signal before anything was {'tested' if request.tested else 'trained'}")
            stop.signal = group.all_stopped(stop.signal)
        except UserError:
            outside.close()
            folder.close()
            raise
        except (Exception, SystemExit) as error:  # a user's code may end the program, which is no success
            _note_failure(error, so_far, display, log_file, group)
        so_far.add(seconds={"total": time.perf_counter() - started})
        if begun or not request.resumed:  # what an earlier process has done stays as it noted it
            _write_results(so_far, folder, display)
        outside.close()
        folder.close()
        results = so_far.value
        if group.is_chief:
            trusted = needed_prefixes(request.tree, request.config.trusted_targets)
            loggers = request.config.logger
            display.closing(results.facts(), request.folder, trusted=trusted, begun=begun, logger=loggers)
        group.close(results.error if results.status == "failed" else None)
    if results.status == "interrupted":
        return stop.exit_status
    return 0 if results.status == "completed" else 1


def _stages(
    request: Request,
    folder: Folder,
    display: Display,
    so_far: ResultsSoFar,
    *,
    stop: StopRequest,
    group: Group,
    outside: OutsideLoggers,
    all_kept: Callable[[], bool],
) -> None:
    """Do the work of a run; what each stage finds out is added to the results."""
    with _timed(so_far, "import"):
        if is_bundled(request.tree.get("data")):
            begin_to_read()
        import_tensorflow()

    from exp.run.context import RunContext

    try:
        with _timed(so_far, "build"):
            components, state = _built(request, display, group)
    except Stopped:
        folder.write_config(request.config_files)  # so that the run can begin when it is resumed
        raise
    checkpoint = str(state.checkpoint) if state.checkpoint and state.step else None
    replicas = components.devices.replicas
    tested = not_tested(list(components.program.task.metrics))
    so_far.add(step=state.step, examples=state.examples, replicas=replicas, checkpoint=checkpoint, test=tested)
    if request.config_files:
        folder.write_config(request.config_files)
    facts = {**_facts(request, components), "run": state.run, "restored": state.facts()}
    changes = folder.write_manifest(facts, targets=target_names(request.tree))
    if changes and request.resumed and state.step:
        display.say(f"not as it was: {'; '.join(changes)}: from here on last bits may differ from an undisturbed run")
    logger = _open_loggers(request, components, state, display, group=group, outside=outside)
    try:
        readings = TestReadings(request.tested or request.folder) if group.is_chief else None
        context = RunContext(
            components=components,
            state=state,
            folder=folder,
            logger=logger,
            display=display,
            stop=group.stop(stop),
            group=group,
            test_readings=readings,
            objective=request.objective,
        )
        _train_and_evaluate(context, so_far)
    finally:
        compiled = not all_kept() if components.program.jit_train else None
        so_far.add(traces=components.executor.traces.facts(), compiled=compiled)
        logger.ended(so_far.value.step, so_far.value.status or "failed")
        logger.close()
    for line in components.executor.traces.warnings():
        display.say(line)


def _built(request: Request, display: Display, group: Group) -> tuple[Components, "InitialState"]:
    """Build the components, and set the variables to what the run begins with.

    Raises:
        UserError: the request is impossible here.
        Stopped: a signal came.
    """
    from exp.run.initial_state import check_length, initial_state

    check_current()
    if group.is_chief:
        check_own(request.config)
    components = build(request.config, group=group)
    check_current()
    for note in components.notes():
        display.say(note)
    state = initial_state(request, components, display)
    check_length(request, components, state, display)
    group.same("beginning", lambda: {"step": state.step, "weights": components.weights_sha256()})
    group.keep_signals()  # TensorFlow's coordination service takes SIGTERM as a preemption notice (2.21)
    return components, state


def _open_loggers(
    request: Request,
    components: Components,
    state: "InitialState",
    display: Display,
    *,
    group: Group,
    outside: OutsideLoggers,
) -> "Loggers":
    """Continue the run's own files after the steps that are done, and begin the loggers outside of its folder."""
    from exp.loggers.folder_loggers import file_loggers
    from exp.loggers.logger import Loggers

    threads, with_events = components.devices.threads, request.config.logger.tensorboard
    files = file_loggers(request.folder, done=state.step, tensorboard=with_events) if group.is_chief else []
    if group.is_chief:
        outside.all += outside_loggers(request, run=state.run, done=state.step, threads=threads, say=display.say)
    logger = Loggers(files, outside.all)
    if not request.resumed or not state.step:
        logger.hparams(flat_config(request.tree, threads=threads, choices=request.choices))
    return logger


def _train_and_evaluate(run: "RunContext", so_far: ResultsSoFar) -> None:
    """Train, if that is the mode, and evaluate a model that is whole; afterwards the results have a status."""
    from exp.run.evaluate import show_graph
    from exp.run.rewind import rewinds_of, train_with_rewinds
    from exp.run.tested import take_tested, tested_anew

    status, trained = "completed", None
    if run.config.mode == "train":
        run, trained = train_with_rewinds(run)
        so_far.add(**trained.results, rewinds=rewinds_of(run))
        if trained.failure is not None:
            raise trained.failure
        status = trained.status
    so_far.add(weights_sha256=run.components.weights_sha256())
    end = {"step": so_far.value.step, "weights": so_far.value.weights_sha256}
    run.group.same("end", lambda: end)
    if status == "completed":
        with _timed(so_far, "test"):
            tested = take_tested(run, trained) if trained else tested_anew(run)
            status = _evaluate(run, tested, so_far)
    show_graph(run)
    so_far.add(status=status)


def _evaluate(run: "RunContext", tested: "Tested", so_far: ResultsSoFar) -> str:
    """Evaluate on the test split, show the predictions, and return the status of the run."""
    from exp.run.evaluate import evaluate, show_predictions

    try:
        evaluation = evaluate(run, step=so_far.value.step, tested=tested)
        finite = math.isfinite(evaluation.loss)
        chosen = "test" if (run.objective or "").startswith("test/") else tested.selected_on
        so_far.add(test=evaluation.facts(), tested=tested.which, selected_on=chosen)
        so_far.add(test_readings=run.test_readings.count() if run.test_readings else None)
        for name, value in evaluation.metrics.items():
            if not math.isfinite(value):
                run.display.say(f"test {name} is {value}, and null in the results")
        show_predictions(run, step=so_far.value.step)
    except Stopped:
        done = f"; the test of step {tested.step} is done when the run goes on" if run.config.mode == "train" else ""
        run.display.say(f"stopped by a signal in the test{done}")
        return "interrupted"
    if finite:
        return "completed"
    so_far.add(error=f"the test loss is {evaluation.loss}")
    return "diverged"


def _facts(request: Request, components: Components) -> dict[str, Any]:
    """What the manifest says about this run; the folder adds what it knows itself."""
    return {
        "command": list(request.command),
        "mode": request.config.mode,
        "tested_run": str(request.tested) if request.tested else None,
        "config_hash": config_hash(request.tree),
        "choices": dict(request.choices),
        "length": length_of(request.tree),
        "sweep": request.sweep,
        "seed": request.config.seed,
        **components.facts(),
    }


def _note_failure(error: BaseException, so_far: ResultsSoFar, display: Display, log_file: Path, group: Group) -> None:
    """Note an error in the results and in the log, and tell the person which checkpoint is left."""
    loss = group.loss_behind(error)
    log.exception("the run failed") if loss is None else log.error("the run failed: %s", loss, exc_info=True)
    plain = loss or storage_problem(error)
    so_far.add(status="failed", error=plain or told(error))
    newest = so_far.value.checkpoint
    good = f"the last good checkpoint is {newest}" if newest else "there is no checkpoint"
    if plain:
        display.say(f"the run failed: {so_far.value.error}; {good}")
    else:
        display.say(f"the run failed; {good}; the traceback is in {log_file}")


def _write_results(so_far: ResultsSoFar, folder: Folder, display: Display) -> None:
    """Write `results.json`; if the disk does not let us, the run has failed."""
    try:
        folder.write_results(so_far.value.facts())
    except OSError as error:
        so_far.add(status="failed", error=so_far.value.error or storage_problem(error))
        display.say(f"{folder.path / names.RESULTS}: cannot be written ({error.strerror})")


@contextmanager
def _timed(so_far: ResultsSoFar, name: str) -> Iterator[None]:
    """Note the seconds that the enclosed work takes, unless it fails."""
    started = time.perf_counter()
    yield
    so_far.add(seconds={name: time.perf_counter() - started})
