"""How long a training may be: a time or a number of steps."""

__all__ = ["check_budget"]


def check_budget(seconds: float | None, steps: int | None) -> None:
    """Raise `ValueError` unless exactly one is given, of seconds (0.1..3600) and steps (1..10**7)."""
    if (seconds is None) == (steps is None):
        raise ValueError(f"give exactly one of seconds and steps, not {seconds=} and {steps=}")
    if seconds is not None and not 0.1 <= seconds <= 3600:
        raise ValueError(f"seconds must lie between 0.1 and 3600, not {seconds}")
    if steps is not None and not 1 <= steps <= 10**7:
        raise ValueError(f"steps must lie between 1 and 10**7, not {steps}")
