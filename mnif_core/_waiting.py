"""How long an idle thread spins for its next piece of work; imported before torch, whose threads read it at start.

An instance network in tiles is many short parallel pieces. GNU OpenMP's threads spin between them for milliseconds,
which holds up everything where another program wants the same cores: a view took 70 times as long beside one training
run. This many turns bridge the gaps between pieces and then sleep: the same view took twelve times as long, and none
of it shows on idle cores, where a third of them cost a training step up to a tenth.
"""

import os

if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "30000"
