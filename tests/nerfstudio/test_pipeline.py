"""What a pipeline forgets when stage 1 starts again."""

from types import SimpleNamespace
from typing import Any

import torch

from mnif_core.training.collapse import FEWEST_STEPS, CollapseWatch
from mnif_nerfstudio.pipeline import MnifPipeline


def test_a_new_attempt_is_not_judged_by_the_one_before() -> None:
    """One that ended between two verdicts, with a loss that is not finite."""
    watch = CollapseWatch(FEWEST_STEPS, 3)
    targets = torch.rand(2, 5, 3, generator=torch.Generator().manual_seed(0))
    watch.see(torch.tensor(float("nan")), targets)
    model = SimpleNamespace(field=SimpleNamespace(reset_parameters=lambda: None), fit_updates=0)
    pipeline: Any = SimpleNamespace(
        seed=0, mnif=model, attempt=torch.zeros((), dtype=torch.long), stage_seconds=torch.ones(2), watch=watch
    )
    MnifPipeline.start_again(pipeline, 1)
    assert int(pipeline.attempt) == 1 and not pipeline.stage_seconds.any()
    watch.see(torch.tensor(1e-4), targets)
    watch.judge(FEWEST_STEPS)
