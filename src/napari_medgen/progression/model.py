"""A progression model that is loaded: project a radiograph, and look ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medgen.errors import BothSidesError, CohortError, ImageError, ModelError, SideError
from napari_medgen.imaging.network_view import NetworkView
from napari_medgen.imaging.provenance import Provenance
from napari_medgen.imaging.radiograph import Radiograph
from napari_medgen.models.folder import ModelFolder, build_network
from napari_medgen.progression.architecture import ENCODER_FILE, GENERATOR_FILE, progression_architecture
from napari_medgen.progression.cohort.cohort import Cohort
from napari_medgen.progression.cohort.folder import cohort_of_model
from napari_medgen.progression.cohort.latent_reference import LIMIT
from napari_medgen.progression.cohort.origin import require_model
from napari_medgen.progression.frames import frame_of, to_grey
from napari_medgen.progression.grader import Grader
from napari_medgen.progression.networks.discriminator import Encoder
from napari_medgen.progression.networks.stylegan import Generator
from napari_medgen.progression.prediction import Prediction, synthesise_prediction
from napari_medgen.progression.projection import Projection, measured, project
from napari_medgen.progression.request import ProjectionRequest
from napari_medgen.progression.trajectories import Extrapolation, ExtrapolationRequest, extrapolate
from napari_medgen.running.devices import Device, choose_device, memory_guard
from napari_medgen.running.progress import Steps

_SMALLEST = 64
_LONGEST = 1.5

AnyNetwork = TypeVar("AnyNetwork", bound=torch.nn.Module)


@dataclass(frozen=True, eq=False)
class ProjectedRadiograph:
    """A radiograph and its latent.

    Attributes
    ----------
    image, frame
        The radiograph, and where the networks' square lies in it.
    projection
        A batch of one.
    probabilities, projected_probabilities
        (grades,) of the real frame, and of its projection.
    seen
        (H, W) in [0, 1]: the real frame.
    place
        (w_dim,) latent by which it is compared with the cohort: made in the way that the cohort's own latents were.
    unusualness
        Share of the cohort's latents that lie nearer to its mean than ``place``.
    badness
        Share of the cohort's projections that have a smaller error than this image in the way of the cohort.
    doubts
        Sentences that say why the projection should not be trusted; empty for a good one.
    provenance
        Of everything that is made from it.
    """

    image: Radiograph
    frame: NetworkView
    projection: Projection
    probabilities: NDArray[np.float64]
    projected_probabilities: NDArray[np.float64]
    seen: NDArray[np.float32]
    place: NDArray[np.float32]
    unusualness: float
    badness: float
    doubts: tuple[str, ...]
    provenance: Provenance

    @property
    def psnr(self) -> float:
        """Decibels between the frame and its projection."""
        return float(self.projection.psnr[0])

    @property
    def perceptual(self) -> float:
        """Distance of the classifier's features between the frame and its projection."""
        return float(self.projection.perceptual[0])


class Extrapolator:
    """Generator, encoder and cohort on a device, with the classifier that grades.

    Parameters
    ----------
    folder
        An opened model folder.
    grader
        Of the classifier that the card names.
    cohort
        Whose patients are the neighbours; by default the one that was shipped with the model.
    device
        Where to compute; by default the device in force.

    Raises
    ------
    ModelError
        If the folder holds no progression model, weights that do not fit its card, or the cohort is another model's.
    """

    def __init__(
        self, folder: ModelFolder, grader: Grader, cohort: Cohort | None = None, device: Device | None = None
    ) -> None:
        self.folder, self.grader = folder, grader
        self.architecture = progression_architecture(folder.card)
        self.device = device or choose_device()
        with memory_guard(f"Loading {folder.name}", "Close other programs, or other widgets."):
            generator, encoder = load_networks(folder)
            self.generator = _ready(generator, self.device)
            self.encoder = _ready(encoder, self.device) if encoder is not None else None
        if cohort is not None:
            require_model(cohort, folder, grader)
        self.cohort = cohort if cohort is not None else cohort_of_model(folder)

    @property
    def name(self) -> str:
        """Of the model."""
        return self.folder.name

    @property
    def known_cohort(self) -> Cohort:
        """The cohort.

        Raises
        ------
        CohortError
            If there is none.
        """
        if self.cohort is None:
            raise CohortError(f"{self.name} has no cohort; build one with napari-medgen cohort build and choose it.")
        return self.cohort

    def check(self, image: Radiograph) -> None:
        """Refuse what cannot be projected at all.

        Raises
        ------
        ImageError
            If the image is too small, shows two knees, or its side is needed and unknown.
        """
        rows, columns = image.shape
        if min(rows, columns) < _SMALLEST:
            raise ImageError(f"{image.name} has {rows} x {columns} pixels; a knee needs {_SMALLEST} x {_SMALLEST} at least.")
        if image.laterality == "B" or columns > _LONGEST * rows:
            raise BothSidesError(
                f"{image.name} seems to show both knees; cut out one of them, with the joint in the middle."
            )
        if self.architecture.mirror and image.laterality not in ("L", "R"):
            raise SideError(f"Say whether {image.name} shows a left or a right knee: its file does not.")

    def project(self, image: Radiograph, request: ProjectionRequest | None = None) -> Steps[ProjectedRadiograph]:
        """Find the latent of a radiograph.

        Yields
        ------
        Progress
            A step an update; the preview is a frame (1, 1, H, W) in [0, 1] as the generator makes it, not mirrored back.

        Raises
        ------
        ImageError
            See :meth:`check`.
        MemoryShortageError
            If memory runs out.
        """
        request = request or ProjectionRequest()
        self.check(image)
        with memory_guard("Projecting the radiograph"):
            frame, seen = frame_of(image, self.architecture)
            found = yield from project(seen, self.generator, self.encoder, self.grader, request)
            alike = yield from self._as_the_cohort(seen, found, request)
            return self._judged(image, frame, seen, found, alike, request)

    def _as_the_cohort(self, seen: torch.Tensor, found: Projection, request: ProjectionRequest) -> Steps[Projection]:
        """The image's projection in the way in which the cohort's own latents were found.

        Latents that were optimised lie elsewhere than the encoder's, one a layer elsewhere than one for all, and errors
        are smaller where more is free: like is compared with like.
        """
        wanted = self.cohort.projection if self.cohort is not None else None
        if wanted is None or wanted == request or (wanted.method == "encoder" and self.encoder is None):
            return found
        return (yield from project(seen, self.generator, self.encoder, self.grader, wanted))

    def _judged(
        self,
        image: Radiograph,
        frame: NetworkView,
        seen: torch.Tensor,
        found: Projection,
        alike: Projection,
        request: ProjectionRequest,
    ) -> ProjectedRadiograph:
        unusualness = badness = 0.0
        if self.cohort is not None:
            reference = self.cohort.reference
            unusualness = float(reference.unusualness(alike.w.numpy())[0])
            badness = float(reference.badness(alike.perceptual.numpy())[0])
        grey = to_grey(seen)
        return ProjectedRadiograph(
            image=image,
            frame=frame,
            projection=found,
            probabilities=self.grader.probabilities(grey)[0].double().numpy(),
            projected_probabilities=self.grader.probabilities(found.images)[0].double().numpy(),
            seen=grey[0, 0].numpy(),
            place=alike.w[0].numpy(),
            unusualness=unusualness,
            badness=badness,
            doubts=tuple(self._doubts(seen, found, unusualness, badness)),
            provenance=self.provenance(image, request),
        )

    def _doubts(self, seen: torch.Tensor, found: Projection, unusualness: float, badness: float) -> list[str]:
        doubts = []
        if self._inverted(seen, found):
            doubts.append("The grey values seem to be inverted: bone must be bright. Invert the image first.")
        if badness > LIMIT:
            doubts.append(
                f"The model cannot reproduce this image: the error is above that of {badness:.0%} of the cohort's knees."
            )
        if unusualness > LIMIT:
            doubts.append(f"The model finds this image unusual: more so than {unusualness:.0%} of the cohort's knees.")
        return doubts

    @torch.no_grad()
    def _inverted(self, seen: torch.Tensor, found: Projection) -> bool:
        """Whether the encoder reproduces the negative clearly better than the image."""
        if self.encoder is None:
            return False
        errors = []
        for one in (seen, -seen):
            shown = one.to(self.device.torch).expand(-1, self.architecture.generator.channels, -1, -1)
            ws = self.generator.spread(self.encoder(shown))
            errors.append(float(measured(shown, ws, self.generator, self.grader).perceptual[0]))
        return errors[1] < 0.8 * errors[0]

    def extrapolate(self, projected: ProjectedRadiograph, request: ExtrapolationRequest, patient: str = "") -> Extrapolation:
        """Neighbours of a projected radiograph, and their ways.

        Raises
        ------
        CohortError
            If there is no cohort, or no neighbour has a way to go.
        """
        return extrapolate(
            projected.place,
            self.known_cohort,
            request,
            patient=patient,
            side=projected.image.laterality,
            mirrored=bool(self.architecture.mirror),
        )

    def look_ahead(
        self, projected: ProjectedRadiograph, request: ExtrapolationRequest | None = None, patient: str = ""
    ) -> Steps[Prediction]:
        """Frames, grades and risk over time.

        Parameters
        ----------
        patient
            Whose visits are left out of the neighbours, where the patient is in the cohort.

        Yields
        ------
        Progress
            Previews are frames (T, H, W) as the generator makes them, NaN where there is none yet.

        Raises
        ------
        CohortError
            If there is no cohort, or no neighbour has a way to go.
        MemoryShortageError
            If memory runs out.
        """
        found = self.extrapolate(projected, request or ExtrapolationRequest(), patient)
        with memory_guard("Looking ahead"):
            return (
                yield from synthesise_prediction(
                    projected.projection.ws[0],
                    projected.probabilities,
                    found,
                    self.generator,
                    self.grader,
                    self.known_cohort.reference,
                )
            )

    @torch.no_grad()
    def image_of(self, row: int) -> NDArray[np.float32]:
        """What the generator makes of a visit of the cohort, (H, W) in [0, 1]."""
        w = torch.from_numpy(self.known_cohort.latents[row])[None].to(self.device.torch)
        image: NDArray[np.float32] = to_grey(self.generator.synthesis(self.generator.spread(w)))[0, 0].cpu().numpy()
        return image

    def provenance(self, image: Radiograph, request: ProjectionRequest) -> Provenance:
        """What frames say of their origin."""
        what = f"projection: {request.method}, {request.space}, {request.count} steps"
        # What is said of the visits is said by the cohort in use: another may be of real follow-up.
        surrogate = self.cohort.surrogate if self.cohort is not None else self.architecture.surrogate
        if surrogate:
            what += f"; {surrogate}"
        return Provenance(
            synthetic=True,
            operation=what,
            source=image.origin_name,
            model=self.folder.name,
            model_checksum=self.folder.card.checksum,
            seed=request.seed if request.method == "published" else None,
        )


def load_networks(folder: ModelFolder) -> tuple[Generator, Encoder | None]:
    """Generator and encoder of a model folder, on the CPU.

    Raises
    ------
    ModelError
        If the folder holds no progression model, or weights that do not fit its card.
    """
    own = progression_architecture(folder.card)
    generator = build_network(lambda: Generator(own.generator), folder.tensors(GENERATOR_FILE), "generator")
    if own.encoder is None:
        return generator, None
    sizes = own.encoder
    return generator, build_network(lambda: Encoder(own.generator, sizes), folder.tensors(ENCODER_FILE), "encoder")


def _ready(network: AnyNetwork, device: Device) -> AnyNetwork:
    network.to(device=device.torch, memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's stub lacks it
    return network.eval().requires_grad_(False)


def classifier_name(folder: ModelFolder) -> str:
    """Name of the classifier that a progression model needs.

    Raises
    ------
    ModelError
        If the card names none.
    """
    name = progression_architecture(folder.card).classifier
    if not name:
        raise ModelError(f"{folder.name} names no classifier; say which one grades its images.")
    return name
