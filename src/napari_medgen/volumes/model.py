"""A loaded volume model: sample, interpolate, encode and decode."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.errors import MedGenError, WritingError
from napari_medgen.imaging.orientation import Affine
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.resample import foreground_centre, resample
from napari_medgen.imaging.volume import Volume
from napari_medgen.models.folder import ModelFolder, build_network
from napari_medgen.running.convolution import channels_last_3d
from napari_medgen.running.devices import Device, choose_device, free_bytes, memory_guard, require_bytes, smaller_instead
from napari_medgen.running.progress import Progress, Steps
from napari_medgen.running.room import scratch_folder
from napari_medgen.volumes.architecture import (
    AUTOENCODER_FILE,
    DENOISER_FILE,
    REFERENCE_FILE,
    VolumeArchitecture,
    read_architecture,
)
from napari_medgen.volumes.conditions import encode as encode_conditions
from napari_medgen.volumes.conditions import spoken
from napari_medgen.volumes.copy_check import Nearest, TrainingReference
from napari_medgen.volumes.cost import Cost, denoise_bytes, estimate, learn
from napari_medgen.volumes.decoding import decode_bytes, decode_in_slabs
from napari_medgen.volumes.diffusion import Denoise, Schedule, denoiser
from napari_medgen.volumes.networks.codebook import TRAINING_ONLY
from napari_medgen.volumes.networks.denoisers import build_denoiser
from napari_medgen.volumes.networks.vqgan import VQGAN
from napari_medgen.volumes.preview import preview
from napari_medgen.volumes.request import SampleRequest
from napari_medgen.volumes.samplers import Noise, sampler, slerp, spaced
from napari_medgen.volumes.streaming import (
    decode_streamed,
    encode_bytes,
    encode_in_slabs,
    least_decode_bytes,
    scratch_bytes,
)

_TRAINING_ONLY = "|".join(f".{name}" for name in TRAINING_ONLY)
_ADVICE = "Close other programs, or choose a model that makes smaller volumes."


@dataclass(frozen=True)
class Sample:
    """A sampled volume, the training volume it is most like (None where the model carries none), and its seconds."""

    volume: Volume
    nearest: Nearest | None
    seconds: float


class VolumeGenerator:
    """A volume model on a device.

    Parameters
    ----------
    folder
        An opened model folder of the task ``volumes``.
    device
        Where to compute; chosen by the settings if not given. Its precision is taken where it was asked for, else the
        card's.

    Raises
    ------
    ModelError
        If the weights are damaged or do not fit the card.
    """

    def __init__(self, folder: ModelFolder, device: Device | None = None) -> None:
        self.folder = folder
        self.architecture: VolumeArchitecture = read_architecture(folder.card)
        self.device = device or choose_device()
        self.schedule = Schedule.cosine(self.architecture.timesteps)
        with memory_guard(f"Loading {folder.name}", _ADVICE):
            own, weights = self.architecture, folder.tensors(AUTOENCODER_FILE)
            self.autoencoder = build_network(
                lambda: VQGAN(own.autoencoder), weights, "autoencoder", missing_ok=_TRAINING_ONLY
            )
            weights = folder.tensors(DENOISER_FILE)
            self.denoiser = build_network(lambda: build_denoiser(own.denoiser), weights, "denoiser")
            for network in (self.autoencoder, self.denoiser):
                channels_last_3d(network.requires_grad_(False).eval().to(self.device.torch), self.device.torch)
        extra = folder.tensors(REFERENCE_FILE) if REFERENCE_FILE in folder.card.checksums else {}
        self.reference = _reference(extra)
        self._preview = (extra["preview.weight"], extra["preview.bias"]) if "preview.weight" in extra else None

    # -- cost ---------------------------------------------------------------------------------------------------------

    def calls(self, request: SampleRequest) -> int:
        """Denoiser evaluations that one volume of a request takes; guidance doubles them."""
        return self.steps(request) * (2 if _guided(request) else 1)

    def steps(self, request: SampleRequest) -> int:
        """Steps that one volume of a request takes: the whole schedule for ``ancestral``, else no more than there are."""
        return len(self.schedule) if request.sampler == "ancestral" else len(spaced(self.schedule, request.steps))

    def computing(self, request: SampleRequest | None = None) -> Device:
        """The device in the precision that a request is computed in: its own, else the settings', else the card's."""
        if request is not None and request.precision:
            return self.device.at(request.precision)
        if self.device.chosen or self.architecture.precision == "auto":
            return self.device
        return self.device.at("float32")

    def estimate(self, request: SampleRequest, count: int = 1) -> Cost:
        """Memory and time of a request, before it runs."""
        weights = sum(p.numel() * 4 for net in (self.autoencoder, self.denoiser) for p in net.parameters())
        calls = self.calls(request)
        device = self.computing(request)
        own, card, guided = self.architecture, self.folder.card, _guided(request)
        return estimate(own, card, device, weights=weights, calls=calls, count=count, guided=guided)

    # -- sampling -----------------------------------------------------------------------------------------------------

    def sample(self, request: SampleRequest) -> Steps[Sample]:
        """Sample one volume.

        Yields
        ------
        Progress
            A step a denoiser step and one for decoding; the preview is None or makes a :class:`Volume`, at a GPU's cost of
            waiting for it.

        Raises
        ------
        MemoryShortageError
            If it does not fit; before it starts where that can be told.
        """
        noise = Noise([request.seed], self.architecture.latent_shape, self.device.torch)
        return self._run(request, noise(), noise, "sample")

    def interpolate(self, request: SampleRequest, other_seed: int, share: float) -> Steps[Sample]:
        """Sample from a noise between those of two seeds, on the sphere; ``share`` 0 is the request's, 1 the other's."""
        if not 0 <= share <= 1:
            raise MedGenError(f"The share must lie between 0 and 1, not {share:g}.")
        shape, place = self.architecture.latent_shape, self.device.torch
        own, other = Noise([request.seed], shape, place), Noise([other_seed], shape, place)
        start = slerp(own(), other(), share)
        blend = {"towards": other_seed, "share": share}
        return self._run(request, start, own, f"interpolate {share:.2f} towards seed {other_seed}", blend)

    def _run(
        self,
        request: SampleRequest,
        start: torch.Tensor,
        noise: Noise,
        operation: str,
        blend: Mapping[str, float] | None = None,
    ) -> Steps[Sample]:
        device = self.computing(request)
        begun = time.perf_counter()
        what = f"Sampling {' x '.join(map(str, self.architecture.shape))} voxels"
        own = self.architecture
        decoding = least_decode_bytes(own.autoencoder, own.shape)
        # The decoding too, or hundreds of steps would be made for nothing.
        require_bytes(max(denoise_bytes(own, guided=_guided(request)), decoding), self.device, what, _ADVICE)
        with memory_guard(what, _ADVICE):
            steps = sampler(
                request.sampler,
                self.denoise(request),
                self.schedule,
                noise,
                steps=request.steps,
                eta=request.eta,
                start=start,
            )
            look = self._look(f"{self.folder.name} seed {request.seed}") if request.previews and self._preview else None
            total = 0
            while True:
                try:
                    progress = next(steps)
                except StopIteration as stop:
                    latent: torch.Tensor = stop.value
                    break
                total = progress.total + 1
                shown = functools.partial(look, progress.preview) if look is not None else None
                yield Progress(progress.step, total, f"Step {progress.step} of {progress.total}", shown)
            made = self.decode(self.architecture.scale.restore(latent), device)[0, 0].cpu().numpy()
        nearest = self.reference.nearest(made) if self.reference is not None else None
        provenance = Provenance(
            synthetic=True,
            operation=operation,
            model=self.folder.name,
            model_checksum=self.folder.card.checksum,
            sampler=request.sampler,
            steps=len(self.schedule) if request.sampler == "ancestral" else request.steps,
            seed=request.seed,
            eta=request.eta if request.sampler == "ddim" else None,
            guidance=request.guidance if request.condition else None,
            condition=dict(request.condition) or None,
            precision=device.precision,
            device=device.identity,
            copy_check="" if nearest is None else nearest.record,
            **(blend or {}),
        )
        told = spoken(self.architecture.conditions, request.condition)
        volume = self._volume(made, f"{self.folder.name} seed {request.seed}" + (f", {told}" if told else ""), provenance)
        seconds = time.perf_counter() - begun
        learn(self.folder.card, device, calls=self.calls(request), seconds=seconds)
        yield Progress(total, total, "Decoded")
        return Sample(volume, nearest, seconds)

    def denoise(self, request: SampleRequest) -> Denoise:
        """The function that samplers see: a noisy latent and a timestep to the clamped estimate of the clean one."""
        condition = None
        if request.condition:
            vector = encode_conditions(self.architecture.conditions, request.condition)
            condition = torch.tensor([vector], device=self.device.torch)
        device = self.computing(request)

        def network(x: torch.Tensor, t: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
            # Set here and not around the loop: a generator's context would stay set for whoever drives it.
            with torch.no_grad(), device.autocast():
                said: torch.Tensor = self.denoiser(x, t, c)
                return said

        return denoiser(
            network, self.schedule, self.architecture.prediction, condition, request.guidance, self.architecture.latent_limit
        )

    def _look(self, name: str) -> Callable[[torch.Tensor], Volume]:
        """A function from the clean estimate to a blurred volume."""
        assert self._preview is not None  # or nobody would look
        weight, bias = self._preview
        provenance = Provenance(synthetic=True, operation="preview", model=self.folder.name)

        def look(x0: torch.Tensor) -> Volume:
            image = preview(x0[:1].cpu(), weight, bias, self.architecture.autoencoder.downsample)
            return self._volume(image[0, 0].numpy(), f"{name} (forming)", provenance)

        return look

    # -- encoding and decoding ----------------------------------------------------------------------------------------

    @torch.no_grad()
    def decode(self, latent: torch.Tensor, device: Device | None = None) -> torch.Tensor:
        """Image (1, 1, D, H, W) in [-1, 1] of a latent; in slabs where memory would not hold it in one piece.

        ``device`` is :meth:`computing`'s of the request at hand.

        Raises
        ------
        MemoryShortageError
            If no slabs of it fit either.
        """
        sizes, shape, quantise = self.architecture.autoencoder, self.architecture.shape, self.architecture.quantise
        with (device or self.computing()).autocast():
            image = None
            if decode_bytes(sizes, shape) <= 0.8 * free_bytes(self.device):
                with smaller_instead():
                    image = self.autoencoder.decode(latent, quantise=quantise)
            if image is None and decode_bytes(sizes, shape, slabs=True) <= 0.8 * free_bytes(self.device):
                with smaller_instead():
                    image = decode_in_slabs(self.autoencoder, latent, quantise=quantise)
            if image is None:
                needed = least_decode_bytes(sizes, shape)
                require_bytes(needed, self.device, f"Decoding {' x '.join(map(str, shape))} voxels", _ADVICE)
                image = self._streamed(latent, quantise, scratch_folder(scratch_bytes(sizes, shape)))
        return image.float().clamp(-1, 1)

    def _streamed(self, latent: torch.Tensor, quantise: bool, scratch: Path | None) -> torch.Tensor:
        if scratch is not None:
            with contextlib.suppress(WritingError):  # others have filled the disk meanwhile: it is done without
                return decode_streamed(self.autoencoder, latent, quantise=quantise, scratch=scratch)
        return decode_streamed(self.autoencoder, latent, quantise=quantise)

    @torch.no_grad()
    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """The latent of an image (1, 1, D, H, W); in slabs where memory would not hold it in one piece."""
        sizes, shape = self.architecture.autoencoder, tuple(image.shape[2:])
        if encode_bytes(sizes, shape) <= 0.8 * free_bytes(self.device):
            with smaller_instead():
                return self.autoencoder.encode(image)
        needed = encode_bytes(sizes, shape, slabs=True)
        require_bytes(needed, self.device, f"Encoding {' x '.join(map(str, shape))} voxels", _ADVICE)
        return encode_in_slabs(self.autoencoder, image)

    def reconstruct(self, volume: Volume) -> Steps[tuple[Volume, Volume]]:
        """Encode and decode a real volume.

        Returns
        -------
        tuple of Volume
            What the network saw (resampled to the model's grid, rescaled) and what it made of it.

        Raises
        ------
        MedGenError
            If the volume holds a single grey value.
        """
        yield Progress(0, 3, "Resampling to the model's grid")
        seen = self.fit_to_grid(volume)
        image = self.to_network(seen)
        yield Progress(1, 3, "Encoding")
        with memory_guard("Encoding", _ADVICE), torch.no_grad():
            device = self.computing()
            with device.autocast():
                latent = self.encode(image)
            yield Progress(2, 3, "Decoding")
            made = self.decode(latent.float())[0, 0].cpu().numpy()
        provenance = Provenance(
            synthetic=True,
            operation="reconstruct",
            source=volume.origin_name,
            model=self.folder.name,
            model_checksum=self.folder.card.checksum,
            precision=device.precision,
            device=device.identity,
        )
        voxels = self._volume(made, volume.name, provenance).voxels
        yield Progress(3, 3, "Decoded")
        return seen, seen.with_voxels(voxels, provenance, f"{volume.name} reconstructed by {self.folder.name}")

    def fit_to_grid(self, volume: Volume) -> Volume:
        """A volume on the model's grid, centred on its foreground, its grey values scaled to the model's range.

        The foreground's 99.5th percentile becomes white, its lowest grey value black; of a model whose grey values are
        absolute, its own window is what black and white are.
        """
        black, white = self.architecture.intensities
        low = black if self.architecture.absolute else float(volume.voxels.min())
        inside = volume.voxels > low
        if not inside.any():
            raise MedGenError(f"{volume.name} holds a single grey value.")
        high = white if self.architecture.absolute else float(np.percentile(volume.voxels[inside], 99.5))
        share = np.clip((volume.voxels.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
        scaled = (black + share * (white - black)).astype(np.float32)
        whole = Volume(scaled, volume.affine, volume.name, volume.provenance, volume.source_codes)
        turned = self._volume(np.zeros(self.architecture.shape, np.float32), "grid", Provenance())
        return resample(whole, turned.voxels.shape, turned.spacing, foreground_centre(inside), fill=black)

    def to_network(self, volume: Volume) -> torch.Tensor:
        """(1, 1, D, H, W) in [-1, 1] of a volume on the model's grid."""
        voxels, _ = volume.oriented(self.architecture.axes)
        black, white = self.architecture.intensities
        image = (np.ascontiguousarray(voxels, np.float32) - black) / (white - black) * 2 - 1
        return torch.from_numpy(image)[None, None].to(self.device.torch)

    def _volume(self, made: NDArray[np.float32], name: str, provenance: Provenance) -> Volume:
        """Volume of an array (D, H, W) in [-1, 1]: the training's grey values, the card's spacing and axes."""
        black, white = self.architecture.intensities
        voxels = (made + 1) / 2 * (white - black) + black
        return Volume.of(voxels.astype(np.float32), self._affine(), name, provenance)

    def _affine(self) -> Affine:
        """Indices (D, H, W) to RAS+ millimetres, the middle of the volume at the origin."""
        affine = np.zeros((4, 4))
        affine[3, 3] = 1
        for index, (code, step) in enumerate(zip(self.architecture.axes, self.architecture.spacing, strict=True)):
            row = next(i for i, pair in enumerate(("RL", "AP", "SI")) if code in pair)
            affine[row, index] = step if code in "RAS" else -step
        affine[:3, 3] = -affine[:3, :3] @ ((np.asarray(self.architecture.shape) - 1) / 2)
        return affine


def _guided(request: SampleRequest) -> bool:
    """Whether each step asks the denoiser twice, with the condition and without."""
    return bool(request.condition) and request.guidance != 1


def _reference(tensors: Mapping[str, torch.Tensor]) -> TrainingReference | None:
    if "descriptors" not in tensors:
        return None
    codes = bytes(tensors["names"].to(torch.uint8).numpy()).decode()
    flip = int(tensors["flip"])
    return TrainingReference(
        tensors["descriptors"].numpy(), codes.split("\n"), tensors["between"].numpy(), None if flip < 0 else flip
    )


def pack_reference(reference: TrainingReference) -> dict[str, torch.Tensor]:
    """Tensors that keep a reference in a weight file."""
    names = "\n".join(reference.names).encode()
    return {
        "descriptors": torch.from_numpy(reference.descriptors).half(),
        "between": torch.from_numpy(reference.between),
        "names": torch.frombuffer(bytearray(names), dtype=torch.uint8),
        "flip": torch.tensor(-1 if reference.flip is None else reference.flip),
    }
