"""What can go wrong for a user, as types: one line each, naming the file and the remedy."""


def printable(text: object, most: int | None = None) -> str:
    """One line of at most `most` letters, whatever text from a file or a library has in it."""
    line = "".join(letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in str(text))
    return line if most is None or len(line) <= most else f"{line[: most - 3]}..."


class MnifError(ValueError):
    """Base of every error that a user can mend. The message is one line: `<path>: <what is wrong>; <what to do>`."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class DataError(MnifError):
    """A data set is missing, incomplete, malformed or inconsistent."""


class CheckpointError(MnifError):
    """A checkpoint or saved field is not readable, not of this method, or does not match the data."""


class ConfigError(MnifError):
    """Settings contradict each other or the data."""


class TrainingError(MnifError):
    """Training cannot go on, for instance because the loss is not finite."""


class DependencyError(MnifError):
    """A package that only some roads need is not installed."""


class OutputError(MnifError):
    """A result cannot be written where it should go."""
