"""Image filters, one a file."""
