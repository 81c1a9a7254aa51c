"""Which workers there are: from TF_CONFIG, and from Slurm's environment."""

import json

import pytest

from exp.config import AllDevices, WorkersDevices
from exp.distributed.cluster import as_dict, expand_hosts, find_cluster, from_dict
from exp.errors import UserError


def workers(local: int | None = None) -> WorkersDevices:
    return WorkersDevices(name="workers", local=local, port=9000, timeout=7, threads=None)


def tf_config(kind: str = "worker", index: int = 0, **jobs: list[str]) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})}


def slurm(rank: int, nodes: str, tasks: str, count: int) -> dict[str, str]:
    return {
        "SLURM_PROCID": str(rank),
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_TASKS_PER_NODE": tasks,
        "SLURM_STEP_NUM_TASKS": str(count),
        "SLURM_JOB_ID": "12",
    }


def test_tf_config_names_the_workers():
    found = find_cluster(workers(), tf_config(index=1, worker=["a:1", "b:2"]))
    assert found is not None
    assert (found.addresses, found.index, found.is_chief, found.timeout) == (("a:1", "b:2"), 1, False, 7)
    assert found.name(0) == "worker 0 (a:1)"
    assert from_dict(json.loads(json.dumps(as_dict(found)))) == found


def test_a_chief_of_its_own_is_worker_0():
    found = find_cluster(workers(), tf_config(index=0, chief=["c:1"], worker=["a:1", "b:2"]))
    assert found is not None
    assert (found.addresses, found.index) == (("c:1", "a:1", "b:2"), 1)


def test_slurm_counts_ports_on_each_node_and_keeps_its_order_of_nodes():
    found = find_cluster(workers(), slurm(2, "node[9-10]", "2,1", 3))
    assert found is not None
    assert found.addresses == ("node9:9000", "node9:9001", "node10:9000")
    assert found.index == 2


@pytest.mark.parametrize("names", ["gpu1", "a,b", "node[01-03,7],login", "a-b[1-2],c"])
def test_slurms_short_forms_of_hosts_are_those_that_tensorflow_knows(tf, names):
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver

    assert expand_hosts(names) == slurm_cluster_resolver.expand_hostlist(names)


@pytest.mark.parametrize(
    ("local", "environment", "message"),
    [
        (None, {}, "there is neither TF_CONFIG nor Slurm"),
        (2, tf_config(worker=["a:1"]), "device.local=2: TF_CONFIG describes a cluster too"),
        (None, {"TF_CONFIG": "{"}, "must be like"),
        (None, tf_config(index=2, worker=["a:1", "b:1"]), "must be like"),
        (None, tf_config(worker=["a", "b:1"]), "TF_CONFIG: a is not an address"),
        (None, tf_config(worker=["a:1", "a:1"]), "two workers have the same address"),
        (None, tf_config(worker=["a:1"], ps=["b:1"]), "names ps tasks"),
        (None, slurm(0, "node[1-", "1", 1), "Slurm's environment does not describe the step"),
        (None, slurm(0, "node[1-2]", "1(x2)", 3), "Slurm's environment does not describe the step"),
    ],
)
def test_what_is_no_cluster_is_refused(local, environment, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        find_cluster(workers(local), environment)


def test_other_layouts_and_local_workers_need_no_environment():
    everything = AllDevices(name="all", memory="growth", threads=None)
    assert find_cluster(everything, tf_config(worker=["a:1"])) is None
    assert find_cluster(workers(2), {}) is None
