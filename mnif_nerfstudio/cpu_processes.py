"""Several processes on CPUs that train one run together, by gloo: nerfstudio's launcher starts several on GPUs only."""

import sys
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from nerfstudio.configs.base_config import MachineConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.utils import comms
from torch.multiprocessing.spawn import ProcessExitedException, start_processes

from mnif_core.errors import ConfigError, MnifError

PATIENCE = timedelta(days=7)  # the first process also reports, and may hold a viewer open, while the others wait
# forked processes need not import everything anew, but only Linux forks safely
START = "fork" if sys.platform == "linux" else "spawn"


class CpuProcesses:
    """Stands where nerfstudio expects one trainer, and starts this machine's.

    Args:
        config: of the run.
        machine: how many processes and machines, and where they meet.
    """

    def __init__(self, config: TrainerConfig, machine: MachineConfig) -> None:
        self.config, self.machine = config, machine
        if machine.num_machines > 1 and machine.dist_url == "auto":
            raise ConfigError(
                "several machines need a place to meet; pass --machine.dist-url tcp://first-machine:29500"
            )

    def setup(self) -> None:
        """Nothing: each process sets itself up."""

    def train(self) -> None:
        """Train to the end in all processes.

        Raises:
            MnifError: what a process of this machine has raised.
        """
        url = self.machine.dist_url
        if url == "auto":
            from nerfstudio.scripts.train import _find_free_port

            url = f"tcp://127.0.0.1:{_find_free_port()}"
        errors: Any = multiprocessing.get_context(START).SimpleQueue()
        arguments = (self.config, self.machine, url, errors)
        try:
            start_processes(_train, arguments, self.machine.num_devices, start_method=START)
        except ProcessExitedException:
            if errors.empty():
                raise
            raise errors.get() from None


def _train(local_rank: int, config: TrainerConfig, machine: MachineConfig, url: str, errors: Any) -> None:
    from nerfstudio.scripts.train import train_loop

    processes = machine.num_machines * machine.num_devices
    torch.set_num_threads(max(1, torch.get_num_threads() // machine.num_devices))
    rank = machine.machine_rank * machine.num_devices + local_rank
    dist.init_process_group("gloo", init_method=url, world_size=processes, rank=rank, timeout=PATIENCE)
    for first in range(0, processes, machine.num_devices):
        group = dist.new_group(list(range(first, first + machine.num_devices)))
        if first <= rank < first + machine.num_devices:
            comms.LOCAL_PROCESS_GROUP = group  # type: ignore[assignment]
    try:
        train_loop(local_rank, processes, config, rank)
    except MnifError as error:
        errors.put(error)
        sys.exit(1)
    comms.synchronize()
    dist.destroy_process_group()
