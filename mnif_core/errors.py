"""What can go wrong for a user, as types: one line each, naming the file and the remedy."""


class MnifError(ValueError):
    """Base of every error that a user can mend. The message is one line: `<path>: <what is wrong>; <what to do>`."""


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
