"""Lightning Fabric: the same training on a CPU, a GPU or many machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medgen.errors import RecipeError
from napari_medgen.running.devices import choose_device

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def build_fabric(precision: str = "auto", devices: int = 1, nodes: int = 1, device: str = "") -> Fabric:
    """Fabric on a device.

    Parameters
    ----------
    precision
        As Fabric names it, or ``auto``: bfloat16 where that was measured to be faster.
    devices, nodes
        Processes a machine, and machines.
    device
        As :func:`~napari_medgen.running.devices.choose_device` takes it; the one in force by default.

    Raises
    ------
    RecipeError
        If the extra ``train`` is not installed.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError:
        raise RecipeError("Training needs more packages: pip install 'napari-medgen[train]'.") from None
    chosen = choose_device(device)
    if precision == "auto":
        precision = "bf16-mixed" if chosen.precision == "bfloat16" else "32-true"
    # One process trains where it was asked to, cuda:1 for example; of several, each has the GPU of its number.
    places: int | list[int] = [chosen.torch.index] if devices * nodes == 1 and chosen.torch.index is not None else devices
    fabric = Fabric(accelerator=chosen.kind, devices=places, num_nodes=nodes, precision=precision)
    if devices * nodes > 1:
        fabric.launch()
    return fabric
