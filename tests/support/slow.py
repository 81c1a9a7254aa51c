"""The tests that only `make test-all` runs, and why: each is a variation of something that `make test` tries, too.

Tests that are slow by nature carry the marker themselves. A pattern is one of `fnmatch` over a test's name without the
folder `tests/`; a bracket is matched as it stands.
"""

import fnmatch
from collections.abc import Iterable

import pytest

COLLECTED = pytest.StashKey[list[str]]()
"""The names of all tests that pytest collected, before any was left out."""

_LAUNCHERS = "launchers and sweepers of others, which import TensorFlow again for every job; ours are tried quickly"
_KILLED = "one way to kill a sweep, and one of its jobs, is tried quickly"
_WORKERS = "one worker of each kind is killed, signalled and compared quickly; these are the other one, and Keras's fit"
_PAGES = (
    "trainings that are long or many; keys and programs of these pages are checked quickly, other pages are followed"
)
_PASTED = "real shells with real processes; the commands of a run and of a test are pasted quickly"
_LARGE = "the mlp is tried in every mode and on two replicas quickly, and the cnn in one mode"
_IMPORTED = "one kind of old checkpoint is imported quickly, and its commands are compared; here they are pasted too"
_IN_EVERY_MODE = "restoring is the same code in every mode; it is tried quickly in a graph, and in a session's own"
_PICTURES = "two replicas are tried quickly with pictures in one mode, and with digits in every mode"
_WITHOUT_OPTIMIZER = "with an optimizer besides, each of these models is tried quickly"
_DISKS = "a disk that gets full is tried quickly"
_SINKS = "our own loop is tried quickly with each time sink, and Keras's with one"
_RECURRENT = "other kinds of models are tried quickly"
_ADDRESSES = "distributed/test_handshake.py tries wrong addresses quickly, without TensorFlow"
_RECIPES = "exec/test_recipe.py tries each part of a recipe quickly in every mode, and others try all parts together"
_SHAPES = "other sizes of batches are tried quickly, such as ones that do not divide, or are too large"
_SIGNALS = "the same signal is tried quickly at another moment, or another signal at this one"

_SERVERS = "a server that is killed is tried quickly, and so is a logger of one's own that hangs"

SLOW = {
    "e2e/test_loggers.py::test_a_server_that_hangs_in_mid_run_stops_nothing": _SERVERS,
    "e2e/test_plugins.py::*": _LAUNCHERS,
    "e2e/test_sweeps.py::test_the_jobs_are_the_runs[three modes]": "one mode is tried quickly, on the same devices",
    "e2e/test_sweeps.py::test_a_sweep_killed_half_way_goes_on[its jobs too]": _KILLED,
    "e2e/test_sweeps.py::test_a_job_that_takes_too_long_is_stopped_with_a_checkpoint": _KILLED,
    "e2e/test_sweeps.py::test_without_fork_every_job_imports_tensorflow_itself": "the way of Windows",
    "e2e/test_sweep_signals.py::test_the_death_of_the_fork_server_is_not_that_of_its_jobs": _KILLED,
    "e2e/test_workers.py::test_a_killed_worker_ends_all_and_the_run_goes_on_exactly[0]": _WORKERS,
    "e2e/test_workers.py::test_a_signal_to_any_worker_stops_all_after_the_same_step[0-2]": _WORKERS,
    "e2e/test_workers.py::test_all_modes_train_alike[fit]": _WORKERS,
    "guide/test_guide.py::test_a_page_can_be_followed[cats-and-dogs]": _PAGES,
    "guide/test_guide.py::test_a_page_can_be_followed[data]": _PAGES,
    "guide/test_guide.py::test_a_page_can_be_followed[beyond-one-machine]": _PAGES,
    "guide/test_guide.py::test_a_page_can_be_followed[tensorboard]": _PAGES,
    "guide/test_guide.py::test_a_page_can_be_followed[checkpoint]": _PAGES,
    "guide/test_guide.py::test_a_page_can_be_followed[own-experiment]": _PAGES,
    "guide/test_guide.py::test_a_page_can_be_followed[checkpoint-manager]": _PAGES,
    "e2e/test_pictures.py::test_drawn_cats_and_dogs_can_be_learned": "every mode trains on such pictures quickly",
    "data/test_mnist.py::test_tfds_*": "TFDS prepares 70,000 pictures first; its other data set is prepared quickly",
    "e2e/test_printed_commands.py::test_the_commands_of_a_sweep": _PASTED,
    "e2e/test_printed_commands.py::test_the_checkpoint_that_is_named_instead_of_a_damaged_one": _PASTED,
    "e2e/test_printed_commands.py::test_the_command_of_an_interrupted_run": _PASTED,
    "e2e/test_stops.py::test_a_signal_while_pictures_are_made[decoding]": _SIGNALS,
    "e2e/test_cli.py::test_an_interrupted_run_goes_on_in_its_folder_to_the_same_end": (
        "runs are killed in every mode quickly, and go on"
    ),
    "e2e/test_cli.py::test_a_signal_saves_and_says_so[15-143]": _SIGNALS,
    "e2e/test_terminals.py::test_a_sweep_goes_on_without_its_terminal[pipe]": _SIGNALS,
    "e2e/test_survival.py::test_a_killed_run_goes_on_to_the_same_end[session-one]": (
        "a session is killed quickly in conformance/test_tasks.py, and other modes here"
    ),
    "e2e/test_survival.py::test_a_killed_run_goes_on_to_the_same_end[fit-two]": "on one replica it is tried quickly",
    "e2e/test_survival.py::test_a_killed_run_goes_on_to_the_same_end[function, a step a call-one]": (
        "with many steps a call it is tried quickly, and it is the same loop"
    ),
    "conformance/test_matrix.py::test_trains_and_restores_with_the_same_accuracy[eager-all-cnn]": _LARGE,
    "conformance/test_matrix.py::test_trains_and_restores_with_the_same_accuracy[session-all-cnn]": _LARGE,
    "conformance/test_matrix.py::test_trains_and_restores_with_the_same_accuracy[fit-all-cnn]": _LARGE,
    "conformance/test_matrix.py::test_modes_agree_on_the_first_50_losses[all-cnn]": _LARGE,
    "conformance/test_settings.py::*[session]": "a graph is tried quickly; a session has the same step",
    "conformance/test_matrix.py::test_checkpoints_restore_in_every_mode[eager-all]": _IN_EVERY_MODE,
    "conformance/test_matrix.py::test_checkpoints_restore_in_every_mode[fit-all]": _IN_EVERY_MODE,
    "e2e/test_checkpoints.py::test_checkpoints_of_an_older_tensorflow_become_runs[renamed-more1]": _IMPORTED,
    "e2e/test_checkpoints.py::test_checkpoints_of_an_older_tensorflow_become_runs[renamed-more2]": _IMPORTED,
    "e2e/test_checkpoints.py::test_checkpoints_of_an_older_tensorflow_become_runs[pile-more3]": _IMPORTED,
    "e2e/test_pictures.py::test_every_mode_trains_on_the_same_pictures[eager-virtual]": _PICTURES,
    "e2e/test_pictures.py::test_every_mode_trains_on_the_same_pictures[session-virtual]": _PICTURES,
    "e2e/test_pictures.py::test_every_mode_trains_on_the_same_pictures[fit-virtual]": _PICTURES,
    "e2e/test_sweep_signals.py::test_a_signal_to_all_processes_at_once": _SIGNALS,
    "e2e/test_optimizers.py::test_figures_of_an_optimizer_appear_in_every_mode[apply]": (
        "`update_step` is tried quickly in every mode, and `apply` on replicas"
    ),
    "e2e/test_stops.py::test_a_signal_while_pictures_are_made[drawing]": _SIGNALS,
    "e2e/test_stops.py::test_a_signal_in_the_test_of_a_checkpoint": _SIGNALS,
    "e2e/test_workers.py::test_an_address_that_is_wrong_or_taken_is_named": _ADDRESSES,
    "exec/test_executors.py::test_every_example_is_tested_exactly_once[shape1-*]": _SHAPES,
    "exec/test_executors.py::test_every_example_is_tested_exactly_once[shape3-*]": _SHAPES,
    "e2e/test_survival.py::test_a_limit_on_the_size_of_files": _DISKS,
    "e2e/test_survival.py::test_a_folder_that_becomes_read_only": _DISKS,
    "e2e/test_insight.py::test_each_time_sink_is_named[summaries-*-fit]": _SINKS,
    "e2e/test_insight.py::test_each_time_sink_is_named[checkpoints-*-fit]": _SINKS,
    "conformance/test_matrix.py::test_one_and_two_replicas_agree[function-cnn]": _LARGE,
    "exec/test_recipe.py::test_parts_of_a_batch_are_the_batch[2-*]": _SHAPES,
    "exec/test_recipe.py::test_parts_of_a_batch_are_the_batch[3-*]": _SHAPES,
    "conformance/test_recipes.py::test_modes_and_replicas_agree[eager-virtual]": _RECIPES,
    "conformance/test_recipes.py::test_modes_and_replicas_agree[session-virtual]": _RECIPES,
    "conformance/test_recipes.py::test_modes_and_replicas_agree[fit-virtual]": _RECIPES,
    "e2e/test_choosing.py::test_an_overflow_of_float16_costs_a_step_and_no_more[mid-run-eager]": _RECIPES,
    "e2e/test_choosing.py::test_an_overflow_of_float16_costs_a_step_and_no_more[last step-function]": _RECIPES,
    "e2e/test_choosing.py::test_an_overflow_of_float16_costs_a_step_and_no_more[last step-eager]": _RECIPES,
    "e2e/test_choosing.py::test_an_overflow_of_float16_costs_a_step_and_no_more[mid-run-session]": _RECIPES,
    "e2e/test_choosing.py::test_half_precision_ends_where_float32_does[mixed_float16]": _RECIPES,
    "checkpoint/test_deferred.py::*[recurrent-model and optimizer-tf.function]": _RECURRENT,
    "checkpoint/test_deferred.py::test_values_arrive_when_variables_are_made[*-model-*]": _WITHOUT_OPTIMIZER,
}
"""The reason by the pattern."""


def reason(test: str) -> str | None:
    """Why a test is slow; None if it is not in the list.

    Args:
        test: the test's name, such as `e2e/test_cli.py::test_help`.
    """
    return next((why for pattern, why in SLOW.items() if fnmatch.fnmatchcase(test, _escaped(pattern))), None)


def unused(tests: Iterable[str]) -> list[str]:
    """The patterns that no test has."""
    return [pattern for pattern in SLOW if not fnmatch.filter(tests, _escaped(pattern))]


def _escaped(pattern: str) -> str:
    return pattern.replace("[", "[[]")
