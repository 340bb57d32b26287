"""The entry for nerfstudio's own list of external methods, `nerfstudio/configs/external_methods.py`.

There `external_methods.append(MNIF)`: whoever runs `ns-train mnif` without this package is offered to install it.
"""

from nerfstudio.configs.external_methods import ExternalMethod

MNIF = ExternalMethod(
    """[bold yellow]MNIF[/bold yellow]
For more information visit: https://docs.nerf.studio/nerfology/methods/mnif.html

To enable MNIF, you must install it first by running:
  [grey]pip install mnif-nerfstudio[/grey]""",
    configurations=[
        ("mnif", "Mixture of neural implicit functions over many scenes, the paper's SRN Cars configuration."),
        (
            "mnif-mid",
            "mnif between mnif-tiny and the paper's size: an evening on a laptop, minutes on a consumer GPU.",
        ),
        ("mnif-tiny", "mnif for a first look: demo cars or your own scenes in minutes on two CPU cores."),
    ],
    pip_package="mnif-nerfstudio",
)
