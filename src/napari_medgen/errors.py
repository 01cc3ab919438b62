"""The errors a user can cause; each message is one sentence that says what is wrong and what to do."""


class MedGenError(Exception):
    """Something expected went wrong: a bad file, an unsuitable image, a missing model, too little memory.

    What no alphabet holds, as in a file's name from an old disc, is a question mark in the message: a window or a console
    would fail over it.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(str(message).encode("utf-8", "replace").decode())


class ImageError(MedGenError):
    """An image cannot be read, written or used."""


class BothSidesError(ImageError):
    """An image shows both sides of the body where one is wanted."""


class SideError(ImageError):
    """It is not known which side of the body an image shows."""


class WrongSideError(ImageError):
    """An image contradicts the side of the body that it is said to show."""


class UnsuitableError(ImageError):
    """An image is not of the kind that a model was trained for."""


class WritingError(MedGenError):
    """A file cannot be written for want of room or rights: no fault of the image at hand."""


class ModelError(MedGenError):
    """A model folder or a checkpoint is missing, damaged or of an unknown kind."""


class RecipeError(MedGenError):
    """A training recipe or the data it names cannot be used."""


class MemoryShortageError(MedGenError):
    """The device has too little memory for what was asked."""


class ClusterError(MedGenError):
    """A cluster is not there, was lost, or is not named as one."""


class JobError(MedGenError):
    """A job cannot be started, or taken off the list."""


class CohortError(MedGenError):
    """A table of visits, or a cohort built from one, cannot be used."""


class StudyError(MedGenError):
    """A reader study, its protocol or a reader's store cannot be used."""
