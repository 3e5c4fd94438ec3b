"""What the metadata of a run may be."""

__all__ = ["MetadataValue"]

MetadataValue = str | tuple[str, ...]
"""A text or several, under one key of `metadata`."""
