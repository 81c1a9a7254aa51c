"""A process of the all-reduce that `benchmarks.workers` measures: `python -m benchmarks.all_reduce NETWORK`."""

import json
import os
import sys
import time
from typing import Any

PARAMETERS: dict[str, list[tuple[int, ...]]] = {
    "mlp": [(784, 100), (100,), (100, 10), (10,)],
    "cnn": [(5, 5, 1, 32), (32,), (5, 5, 32, 64), (64,), (3136, 1024), (1024,), (1024, 10), (10,)],
}
"""The shapes of a network's gradients."""
_RUNS = {"mlp": 200, "cnn": 30}


def _sum_gradients(network: str) -> float:
    """In each of the processes: milliseconds."""
    import tensorflow as tf

    count = len(json.loads(os.environ["TF_CONFIG"])["cluster"]["worker"])
    threads = max(1, (os.cpu_count() or 1) // count)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    gradients = [tf.zeros(shape) for shape in PARAMETERS[network]]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator,unused-ignore]
    def many(times: Any) -> Any:
        def once() -> Any:
            context = tf.distribute.get_replica_context()
            return context.all_reduce("SUM", gradients)[-1]

        return tf.while_loop(
            lambda number, last: number < times,
            lambda number, last: (number + 1, strategy.run(once) + last),
            (tf.constant(0), tf.zeros(PARAMETERS[network][-1])),
            parallel_iterations=1,
        )[1]

    many(tf.constant(3)).numpy()
    started = time.perf_counter()
    many(tf.constant(_RUNS[network])).numpy()
    return (time.perf_counter() - started) / _RUNS[network] * 1000


if __name__ == "__main__":
    print(_sum_gradients(sys.argv[1]))
