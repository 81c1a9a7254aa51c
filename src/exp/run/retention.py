"""Which checkpoints of a run stay, as its configuration asks."""

from exp.checkpoint import AnyOf, Best, EveryNSteps, NewestN, RetentionPolicy
from exp.config import Config


def retention_policy(config: Config) -> RetentionPolicy:
    """What `checkpoint.max_to_keep`, `checkpoint.keep_every` and `checkpoint.best` ask to keep."""
    asked, best = config.checkpoint, best_rule(config)
    rules: list[RetentionPolicy] = [NewestN(asked.max_to_keep)]
    if asked.keep_every is not None:
        rules.append(EveryNSteps(asked.keep_every))
    if best is not None:
        rules.append(best)
    return AnyOf(*rules)


def best_rule(config: Config) -> Best | None:
    """What `checkpoint.best` asks to keep: an accuracy is best if it is high, any other metric if it is low."""
    metric = config.checkpoint.best
    return None if metric is None else Best(metric, goal="max" if metric.endswith("accuracy") else "min")
