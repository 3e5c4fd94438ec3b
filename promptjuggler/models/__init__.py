"""The results of the API; each is loaded when first used."""

from importlib import import_module


def __getattr__(name):
    for home in ("runs", "prompts", "knowledge", "streaming", "webhooks"):
        module = import_module(f".{home}", __name__)
        if name in vars(module):
            return vars(module)[name]
    raise AttributeError(name)
