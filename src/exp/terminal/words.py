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


def is_plain_name(text: str) -> bool:
    """Whether a text is made of letters, digits, - and _ only."""
    return text.replace("_", "a").replace("-", "a").isalnum()


def metric_text(name: str, value: float) -> str:
    """A figure as a person reads it: the share of an accuracy in percent, speeds whole, others with four digits.

    Seconds have two digits.
    """
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    if name == "seconds" or name.startswith("seconds."):
        return f"{value:.2f}"
    return f"{value:.0f}" if name.endswith("per_second") else f"{value:.4f}"
