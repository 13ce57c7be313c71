"""Small words that several rooms write alike."""


def ordinal_figure(number: int) -> str:
    """For example "21st"."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number % 100 < 14 else ending}"
