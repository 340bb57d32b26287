"""How the processes of a run share each step's batch, so that together they take the step that one would take alone."""

from dataclasses import dataclass

from nerfstudio.utils import comms

from mnif_core.errors import ConfigError


@dataclass(frozen=True)
class Share:
    """The share of one process in batches that every process draws whole.

    Attributes:
        rank: of the process, counted over all machines.
        processes: how many there are.
    """

    rank: int = 0
    processes: int = 1

    @classmethod
    def of_this_process(cls) -> "Share":
        """As nerfstudio has started the processes."""
        return cls(comms.get_rank(), comms.get_world_size())

    def rows(self, size: int) -> slice:
        """Which of `size` rows are this process's; shares differ by one row at most.

        Raises:
            ConfigError: a process would be left without a row.
        """
        if size < self.processes:
            raise ConfigError(f"{self.processes} processes cannot share a batch of {size}; start {size} or fewer")
        return slice(self.rank * size // self.processes, (self.rank + 1) * size // self.processes)

    def weight(self, size: int) -> float:
        """By what the mean over this share is multiplied so that the processes' mean is the mean over the batch."""
        rows = self.rows(size)
        return (rows.stop - rows.start) * self.processes / size
