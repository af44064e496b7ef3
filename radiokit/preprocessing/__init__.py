"""From the image as scanned to the image as measured: resample, normalise, resegment, discretise, crop."""
