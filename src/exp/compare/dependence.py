"""Whether the samples of rows are independent, and vary in the same things: a test takes that for granted."""

from collections import Counter
from collections.abc import Iterator, Sequence

from exp.compare.rows import Row
from exp.compare.seeds import SOURCES, shared_by_some, varying
from exp.config import yaml_text

SPLIT = SOURCES[3]


def dependence(rows: Sequence[Row]) -> Iterator[tuple[str, bool]]:
    """Sentences on the seeds of one row, or of one and its baseline; each with whether it spoils a verdict."""
    if len(rows) > 1:
        for key in SOURCES:
            held = _held(rows, key)
            if held is not None:
                yield held, True
    for row in rows:
        shared, vary = shared_by_some(row.seeds), varying(row.seeds)
        if shared:
            told = f"some samples of {row.name} have the same {', '.join(shared)}, so that they are not independent"
            yield f"{told}; --where takes some of them{_such_as(row)}", True
        elif row.n > 1 and not {*SOURCES[:3]} <= {*vary}:
            told = f"only {' and '.join(vary)} varies in {row.name}"
            yield f"{told}; how much the result varies with the other seeds, nobody knows", False
        same = _same_weights(row)
        if same > 1:
            told = f"{same} of {row.n} seeds of {row.name} ended with the same weights"
            yield f"{told}, so that they are one sample", True


def _held(rows: Sequence[Row], key: str) -> str | None:
    """What there is to say of a seed that a row holds at one value, and the other one does not."""
    place = SOURCES.index(key)
    values = [{seeds[place] for seeds in row.seeds} for row in rows]
    if any(not of_row or None in of_row for of_row in values) or all(len(of_row) > 1 for of_row in values):
        return None  # each row has some of its own, or it plays no part
    if values[0] == values[1] or (key != SPLIT and any(row.n < 2 for row in rows)):
        return None  # a single sample holds nothing but its split
    each = [f"is {next(iter(of_row))}" if len(of_row) == 1 else "varies" for of_row in values]
    if all(text != "varies" for text in each):
        each[1] = each[1].removeprefix("is ")
    return f"{key} " + " and ".join(f"{text} in {row.name}" for text, row in zip(each, rows, strict=True))


def _same_weights(row: Row) -> int:
    """How many seeds ended with the same weights, at the most."""
    weights = [run.results.get("weights_sha256") for run in row.counted]
    return max(Counter(text for text in weights if text is not None).values(), default=0)


def _such_as(row: Row) -> str:
    """A condition that some runs of a row fit, and others do not; `seeds.init=null` if it is one."""
    values = {key: sorted({yaml_text(run.config.get(key)) for run in row.runs}) for key in SOURCES}
    several = {key: texts for key, texts in values.items() if len(texts) > 1}
    for key, texts in several.items():
        if "null" in texts:
            return f", such as {key}=null"
    return next((f", such as {key}={texts[0]}" for key, texts in several.items()), "")
