"""Errors and warnings. Each error is also a builtin, so that ``except ValueError`` keeps working.

A message says the case id where there is one, what was found, what is required, and how to mend it.
"""


class RadiokitError(Exception):
    """Base of every error that radiokit raises on purpose."""


class InputError(RadiokitError, ValueError):
    """An argument or a table does not hold what is required."""


class OutcomeError(InputError):
    """An outcome cannot be analysed: one class only, no events, negative times, missing values."""


class FileError(InputError):
    """A file is missing, truncated, or of another format than its name says."""


class CaseTableError(InputError):
    """A case table lacks columns, repeats ids or names files that do not exist."""


class GeometryError(InputError):
    """An image and a mask do not share one grid."""


class MaskError(InputError):
    """A mask is empty, lacks the wanted label, or holds too few voxels for what is asked."""


class ParameterError(InputError):
    """A parameter file or a setting is unknown or out of range."""


class LeakageError(RadiokitError, ValueError):
    """What is asked would let test data into training, or report training results as validation."""


class ExtractionError(RadiokitError, RuntimeError):
    """A case could not be extracted; the message names the case and the cause."""


class CaseTimeoutError(ExtractionError):
    """A case took longer than the limit, and its process was ended."""


class CaseMemoryError(ExtractionError):
    """A case needs more memory than there is, or than the limit allows."""


class WorkerDiedError(ExtractionError):
    """The process that worked on a case died: killed for want of memory, or crashed in a library."""


class MissingDependencyError(RadiokitError, ImportError):
    """An optional package is needed; the message holds the line that installs it."""


class RadiokitWarning(UserWarning):
    """Base of every warning that radiokit gives on purpose."""


class SeparationWarning(RadiokitWarning):
    """A logistic or Cox model separates the outcomes perfectly: its coefficients run to infinity."""


class SmallSampleWarning(RadiokitWarning):
    """Too few events for the number of parameters: estimates and intervals are fragile."""


class DataWarning(RadiokitWarning):
    """The data hold something that the reader of the result should know of."""
