"""Whether an image and a region belong to one frame of reference.

Coordinates of two frames of reference are not related (PS3.3 C.7.4.1): a region of another patient, or of another
position on the table, would be filled without any sign of it.
"""

from __future__ import annotations

import warnings

from radiokit.exceptions import DataWarning
from radiokit.io._volume import Grid


def other_frame(image: Grid, mask: Grid) -> str | None:
    """Return a message if a region was drawn in another frame of reference than the image's, else None.

    Both name theirs in ``metadata["frame_of_reference"]``, a structure set perhaps several, separated by a space.
    """
    ours = str(image.metadata.get("frame_of_reference") or "")
    theirs = str(mask.metadata.get("frame_of_reference") or "").split()
    if not ours or not theirs or ours in theirs:
        return None
    return (
        f"{mask.metadata.get('path', 'The region')} was drawn in another frame of reference than the image "
        f"{image.metadata.get('path', '')} (FrameOfReferenceUID): is it of another patient or another scan? If an "
        "anonymiser gave the two different UIDs, see that the region lies right before you use it."
    )


def warn_of_other_frame(image: Grid, mask: Grid) -> None:
    """Warn where `other_frame` has a message."""
    message = other_frame(image, mask)
    if message:
        warnings.warn(message, DataWarning, stacklevel=3)
