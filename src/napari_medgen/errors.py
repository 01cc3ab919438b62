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


class ModelError(MedGenError):
    """A model folder or a checkpoint is missing, damaged or of an unknown kind."""


class RecipeError(MedGenError):
    """A training recipe or the data it names cannot be used."""


class MemoryShortageError(MedGenError):
    """The device has too little memory for what was asked."""


class CohortError(MedGenError):
    """A table of visits, or a cohort built from one, cannot be used."""
