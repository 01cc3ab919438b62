"""Run every case in a process of its own and print the table of ratios.

Each case is one piece of work done by a peer and by us. Peak memory is a process's, so each side runs in its own process;
the two sides take turns, and what is quoted is the ratio of their best times.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import classifiers

Work = Callable[[], Any]


def _allocator() -> None:
    from napari_medgen.running.allocator import keep_freed_memory

    keep_freed_memory()


def codes(ours: bool) -> Work:
    """Nearest codes of a 32 x 32 x 32 latent in a codebook of 16,384."""
    import torch

    from benchmarks.peers import full_matrix_codes
    from napari_medgen.volumes.networks.codebook import nearest_codes

    if ours:
        _allocator()
    torch.manual_seed(0)
    latents, embeddings = torch.randn(32**3, 8), torch.randn(16384, 8)
    find = nearest_codes if ours else full_matrix_codes
    return lambda: find(latents, embeddings)


def decode(ours: bool, *, slabs: bool = False, latent: int = 32) -> Work:
    """Decode a 32 x 32 x 32 latent to 128 x 128 x 128 with the published architecture (4x, 16,384 codes)."""
    import torch

    from benchmarks.peers import straight_decode
    from napari_medgen.volumes.decoding import decode_in_slabs
    from napari_medgen.volumes.networks.vqgan import VQGAN, VQGANSizes

    if ours:
        _allocator()
    torch.manual_seed(0)
    net = VQGAN(VQGANSizes()).eval().requires_grad_(False)
    z = torch.randn(1, 8, latent, latent, latent)
    if not ours:
        return lambda: straight_decode(net, z)
    return lambda: decode_in_slabs(net, z) if slabs else net.decode(z)


def decode_slabs(ours: bool) -> Work:
    """The same, ours in slabs."""
    return decode(ours, slabs=True)


def denoise(ours: bool) -> Work:
    """One step of the published denoiser (dim 32) on an 8 x 32 x 32 x 32 latent."""
    import torch

    from benchmarks.peers import same_denoisers

    if ours:
        _allocator()
    fast, straight = same_denoisers()
    net = (fast if ours else straight).requires_grad_(False)
    x, t = torch.randn(1, 8, 32, 32, 32), torch.tensor([7])
    return lambda: net(x, t)


def allocator(ours: bool) -> Work:
    """The published denoiser's step, our forward pass in both, with and without the allocator's setting."""
    import torch

    from benchmarks.peers import same_denoisers

    if ours:
        _allocator()
    net = same_denoisers()[0].requires_grad_(False)
    x, t = torch.randn(1, 8, 32, 32, 32), torch.tensor([7])
    return lambda: net(x, t)


def convolution(ours: bool) -> Work:
    """A 64-channel convolution of one 16 x 16 x 16 latent, oneDNN by hand against PyTorch's own choice."""
    import torch

    from napari_medgen.running.convolution import Conv3d

    _allocator()
    layer = (Conv3d if ours else torch.nn.Conv3d)(64, 64, 3, padding=1).requires_grad_(False)
    x = torch.randn(1, 64, 16, 16, 16)
    return lambda: [layer(x) for _ in range(20)]


def samplers(ours: bool) -> Work:
    """brain-t1: 20 steps of dpm++ against 300 of the published sampler, decoding included."""
    from napari_medgen.models.catalogue import find_model
    from napari_medgen.running.devices import choose_device
    from napari_medgen.running.progress import drive
    from napari_medgen.volumes.model import VolumeGenerator
    from napari_medgen.volumes.request import SampleRequest

    generator = VolumeGenerator(find_model("brain-t1"), choose_device("cpu"))
    request = SampleRequest(sampler="dpm++" if ours else "ancestral")
    return lambda: drive(generator.sample(request))


def brain(ours: bool) -> Work:
    """brain-t1, 20 steps of dpm++ and the decoding; both sides the same, for the seconds."""
    return samplers(True)


CASES: dict[str, Callable[[bool], Work]] = {
    case.__name__: case for case in (codes, decode, decode_slabs, denoise, allocator, convolution, samplers, brain)
} | classifiers.CASES


def measure(name: str, ours: bool, runs: int) -> dict[str, float]:
    """Best seconds and peak memory of one side, in this process."""
    import torch

    work = CASES[name](ours)
    with torch.no_grad():
        work()
        times = []
        for _ in range(runs):
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": min(times), "peak": float(peak)}


def main() -> None:
    """Run the cases and print the table, or one side of one case for the parent process."""
    if sys.argv[1:2] == ["fuzz"]:
        from benchmarks import fuzz

        sys.exit(fuzz.main(sys.argv[2:]))
    if sys.argv[1:2] == ["reading"]:
        from benchmarks import reading

        reading.main()
        return
    if sys.argv[1:2] == ["study"]:
        from benchmarks import study

        study.main()
        return
    if sys.argv[1:2] == ["statistics"]:
        from benchmarks import statistics

        statistics.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["series"]:
        from benchmarks import series

        series.main()
        return
    if sys.argv[1:2] == ["index"]:
        from benchmarks import index

        index.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["gpu"]:
        from benchmarks import gpu

        gpu.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["window"]:
        from benchmarks import window

        window.main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Instead: fuzz [--minutes N] changes files at random; window measures the window's gaps; reading the room's; "
        "study a study's; statistics how often intervals hold; series DICOM; gpu what a GPU makes of each system.",
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--side", choices=("ours", "peer"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(measure(options.cases[0], options.side == "ours", options.runs)))
        return
    print(f"{'case':14}{'peer':>9}{'ours':>9}{'faster':>8}{'peer':>11}{'ours':>11}{'less memory':>13}")
    for name in options.cases or CASES:
        sides: dict[str, list[dict[str, float]]] = {"peer": [], "ours": []}
        for side in ("peer", "ours", "peer", "ours"):
            command = [sys.executable, "-m", "benchmarks", name, "--side", side, "--runs", str(options.runs)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            sides[side].append(json.loads(done.stdout.splitlines()[-1]))
        seconds = {side: min(row["seconds"] for row in rows) for side, rows in sides.items()}
        peak = {side: min(row["peak"] for row in rows) / 2**30 for side, rows in sides.items()}
        print(
            f"{name:14}{seconds['peer']:8.3f}s{seconds['ours']:8.3f}s{seconds['peer'] / seconds['ours']:7.1f}x"
            f"{peak['peer']:8.2f}GiB{peak['ours']:8.2f}GiB{peak['peer'] / peak['ours']:12.1f}x",
            flush=True,
        )


if __name__ == "__main__":
    main()
