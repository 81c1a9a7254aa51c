"""Numbers in sentences."""


def counted(number: float, noun: str, plural: str | None = None) -> str:
    """So many of something: `1 job`, `2 jobs`.

    Args:
        number: how many.
        noun: for one of them.
        plural: for others, if it is not the noun with an s.
    """
    written = str(number) if isinstance(number, int) else f"{number:g}"
    return f"{written} {noun if number == 1 else plural or f'{noun}s'}"
