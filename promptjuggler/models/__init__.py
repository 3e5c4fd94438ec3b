"""The results of the API, in modules that are loaded when first used: a dataclass takes about 1 ms to define."""
