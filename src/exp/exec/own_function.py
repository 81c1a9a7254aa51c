"""A function of the user's that takes part in a step: it gets, of what a run knows, what its signature names."""

import inspect
from collections.abc import Callable
from typing import Any

from exp.errors import UserError

STEP_GIVEN = ("model", "optimizer", "features", "targets", "weights", "random", "step")
"""What a step may take, by these names."""
MEASURE_GIVEN = ("model", "features", "targets", "weights", "random")
"""What `task.measure` may take."""
HOOK_GIVEN = ("step", "model", "metrics", "log", "predict", "compute")
"""What a hook may take."""


class OwnFunction:
    """A function of the user's, which gets what its signature names."""

    def __init__(self, key: str, function: Callable[..., Any], *, given: tuple[str, ...], weighted: bool) -> None:
        """Take a function.

        Args:
            key: that names it, for messages.
            function: a function, or a `functools.partial` of one that binds its further arguments.
            given: the names of what it may take.
            weighted: whether the data set has weights, which it must take then.

        Raises:
            UserError: it takes something else, does not take what is bound, or leaves the weights out.
        """
        self.key, self._function = key, function
        bound = dict(getattr(function, "keywords", {}))
        parameters = inspect.signature(getattr(function, "func", function)).parameters.values()
        named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        all_of_them = any(p.kind is p.VAR_KEYWORD for p in parameters)
        strange = [name for name in bound if name in given or (name not in named and not all_of_them)]
        if strange:
            own = ", ".join(name for name in named if name not in given) or "none"
            raise UserError(f"{key}: has no argument {', '.join(strange)} to be set; it has {own}")
        free = {name: p for name, p in named.items() if name not in bound}
        unknown = [name for name, p in free.items() if p.default is p.empty and name not in given]
        if unknown:
            raise UserError(
                f"{key}: takes {', '.join(unknown)}, which nothing gives; a run gives {', '.join(given)}, and all else "
                "must stand beside the _target_"
            )
        self._takes = [name for name in given if name in free or all_of_them]
        if weighted and "weights" not in self._takes:
            raise UserError(f"{key}: does not take `weights`, and the data set has some, which would be dropped")

    def __call__(self, **known: Any) -> Any:
        """What the function gives."""
        return self._function(**{name: known[name] for name in self._takes})
