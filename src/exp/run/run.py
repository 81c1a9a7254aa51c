"""The composition root: a run from its request to `results.json`, in the order in which things depend on each other."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exp.config.config_hash import config_hash
from exp.config.targets import needed_prefixes
from exp.distributed import Folder, Group, NoFolder
from exp.errors import UserError
from exp.loggers.console import Display
from exp.run.build import Parts, assemble
from exp.run.request import Request
from exp.run_folder import names
from exp.run_folder.folder import RunFolder, empty_results
from exp.system.files import storage_problem
from exp.system.own_code import told
from exp.system.signals import Stopped, StopRequest, check_current
from exp.system.tensorflow import import_tensorflow, native_messages_to

if TYPE_CHECKING:
    from exp.run.initial_state import Beginning

log = logging.getLogger("exp")


def run(request: Request, display: Display, *, started: float, group: Group) -> int:
    """Do a run, and write everything that it leaves behind.

    Args:
        request: what to do.
        display: what the person sees.
        started: `time.perf_counter()` at the start of the program.
        group: the processes that do this together; all run the same code, and the chief alone writes.

    Returns:
        The exit status: 0 completed, 1 failed or diverged, 130, 143 or 129 stopped by a signal.

    Raises:
        UserError: the request is impossible here; nothing but run.log was written.
    """
    folder: Folder = RunFolder(request.folder) if group.is_chief else NoFolder(request.folder)
    log_file = request.folder / (names.LOG if group.is_chief else names.worker_log(group.index))
    results = empty_results(request.config.mode)
    logging.captureWarnings(True)  # Keras warns of a network at length, before its error says the same
    logging.raiseExceptions = (
        False  # where a full disk stops the log, the person shall not see a traceback for each line
    )
    begun = True
    with native_messages_to(log_file), StopRequest() as stop:
        stop.leaves = group.size == 1  # several stop together, where they agree on it
        if folder.note:
            display.say(folder.note)
        try:
            _run(request, folder, display, stop, results, group=group)
        except Stopped:
            begun, results["status"] = False, "interrupted"
            display.say(f"stopped by a signal before anything was {'tested' if request.tested else 'trained'}")
            stop.signal = group.all_stopped(stop.signal)
        except UserError:
            folder.close()
            raise
        except (Exception, SystemExit) as error:  # a user's code may end the program, which is no success
            loss = group.loss_behind(error)
            log.exception("the run failed") if loss is None else log.error("the run failed: %s", loss, exc_info=True)
            results |= {"status": "failed", "error": loss or storage_problem(error) or told(error)}
            display.say(_last_words(results, log_file, plain=bool(loss or storage_problem(error))))
        results["seconds"]["total"] = time.perf_counter() - started
        try:
            if begun or not request.resumed:  # what an earlier process has done stays as it noted it
                folder.write_results(results)
        except OSError as error:
            results |= {"status": "failed", "error": results["error"] or storage_problem(error)}
            display.say(f"{request.folder}/{names.RESULTS}: cannot be written ({error.strerror})")
        folder.close()
        if group.is_chief:
            trusted = needed_prefixes(request.tree, request.config.trusted_targets)
            display.closing(results, request.folder, trusted=trusted, begun=begun)
        group.close(results["error"] if results["status"] == "failed" else None)
    if results["status"] == "interrupted":
        return stop.exit_status
    return 0 if results["status"] == "completed" else 1


def _run(
    request: Request,
    folder: Folder,
    display: Display,
    stop: StopRequest,
    results: dict[str, Any],
    *,
    group: Group,
) -> None:
    clock = _Clock()
    import_tensorflow()
    results["seconds"]["import"] = clock.lap()

    from exp.config.flat import flat_config
    from exp.config.targets import target_names
    from exp.loggers.files import file_loggers
    from exp.loggers.logger import Loggers
    from exp.run.train_and_test import Stages

    config = request.config
    try:
        parts, beginning = _prepared(request, display, group)
    except Stopped:
        folder.write_config(request.config_files)  # so that the run can begin, as one that goes on
        raise
    devices = parts.devices
    results |= {"step": beginning.step, "examples": beginning.examples, "replicas": devices.replicas}
    results["checkpoint"] = str(beginning.checkpoint) if beginning.checkpoint and beginning.step else None
    results["seconds"]["build"] = clock.lap()

    # From here on the request is known to be possible, and the folder becomes a run's.
    if request.config_files:
        folder.write_config(request.config_files)
    facts = {**_facts(request, parts), "run": beginning.run, "restored": beginning.facts()}
    changes = folder.write_manifest(facts, targets=target_names(request.tree))
    if changes and request.resumed and beginning.step:
        display.say(f"not as it was: {'; '.join(changes)}: from here on last bits may differ from an undisturbed run")
    logger = file_loggers(request.folder, done=results["step"]) if group.is_chief else Loggers([])
    if not request.resumed or not beginning.step:
        logger.hparams(flat_config(request.tree, threads=devices.threads))
    try:
        run = Stages(config, parts, folder, beginning, logger, results, group.stop(stop), group)
        status = run.train(display) if config.mode == "train" else "completed"
        results["weights_sha256"] = _digest(parts)
        group.same("end", lambda: {"step": results["step"], "weights": results["weights_sha256"]})
        clock.lap()
        if status == "completed":
            status = run.test(display)
            results["seconds"]["test"] = clock.lap()
        run.show_graphs()
        results["status"] = status
    finally:
        traces = parts.executor.traces
        results |= {"traces": len(traces.traces), "trace_list": traces.facts()}
        logger.ended(results["step"], results["status"] or "failed")
        logger.close()
    for line in traces.warnings():
        display.say(line)


def _prepared(request: Request, display: Display, group: Group) -> tuple[Parts, "Beginning"]:
    """What the run is made of, and where it begins; a signal that has come by then stops a run that is alone."""
    check_current()
    parts = assemble(request.config, group=group)
    check_current()
    display.say(f"Number of devices: {parts.devices.replicas} ({', '.join(parts.devices.names)})")
    for note in parts.notes():
        display.say(note)
    beginning = _begin(request, parts, display)
    group.same("beginning", lambda: {"step": beginning.step, "weights": _digest(parts)})
    group.keep_signals()  # TensorFlow's coordination service takes SIGTERM as notice of a preemption (2.21)
    return parts, beginning


def _digest(parts: Parts) -> str:
    from exp.checkpoint import weights_digest

    with parts.executor.scope():
        return weights_digest(parts.executor.read(parts.program.model.weights))


def _begin(request: Request, parts: Parts, display: Display) -> "Beginning":
    from exp.run.initial_state import begin_resumed, begin_test, begin_warm

    if request.tested:
        return begin_test(request.config, parts, request.tested, display)
    if request.resumed:
        return begin_resumed(request.config, parts, request.folder, display)
    return begin_warm(request.config, parts, display)


def _facts(request: Request, parts: Parts) -> dict[str, Any]:
    """What the manifest says about this run; the folder adds what it knows itself."""
    return {
        "command": list(request.command),
        "mode": request.config.mode,
        "tested_run": str(request.tested) if request.tested else None,
        "config_hash": config_hash(request.tree),
        "sweep": request.sweep,
        "seed": request.config.seed,
        **parts.facts(),
    }


def _last_words(results: Mapping[str, Any], log_file: Path, *, plain: bool) -> str:
    good = f"the last good checkpoint is {results['checkpoint']}" if results["checkpoint"] else "there is no checkpoint"
    if plain:
        return f"the run failed: {results['error']}; {good}"
    return f"the run failed; {good}; the traceback is in {log_file}"


class _Clock:
    """Seconds from one lap to the next."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        self._last, lap = now, now - self._last
        return lap
