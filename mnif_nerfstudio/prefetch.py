"""The batch of the next step, made in a thread while a GPU works on this one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Batch = TypeVar("Batch")


class Prefetch(Generic[Batch]):
    """Calls `make(step)`, one step ahead. Steps may be asked for in any order; in order they are ready.

    Args:
        make: step -> batch, the same for the same step; it runs in one thread. What it raises is raised here.
    """

    def __init__(self, make: Callable[[int], Batch]) -> None:
        self._make, self._pool = make, ThreadPoolExecutor(1)
        self._ahead: tuple[int, Future[Batch]] | None = None

    def __call__(self, step: int) -> Batch:
        """The batch of `step`."""
        if self._ahead is not None and self._ahead[0] == step:
            batch = self._ahead[1].result()
        else:
            batch = self._pool.submit(self._make, step).result()
        self._ahead = (step + 1, self._pool.submit(self._make, step + 1))
        return batch
