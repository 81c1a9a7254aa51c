"""Numbers in sentences."""


def counted(number: float, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 job`, `2 jobs`.

    Args:
        number: the number of things.
        noun: the noun for one thing.
        plural: the noun for any other number, unless it is `noun` with an s.
    """
    written = str(number) if isinstance(number, int) else f"{number:g}"
    return f"{written} {noun if number == 1 else plural or f'{noun}s'}"
