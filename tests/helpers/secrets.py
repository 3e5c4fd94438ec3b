"""What must not be seen: the secrets of the tests, and where an error tracker would find them."""

import base64
import functools
import http.client
import json
import ssl
import traceback
import urllib.request
from pathlib import Path

from helpers.package import FOLDER
from promptjuggler import PromptJugglerError

KEY = "pj-sekret-key"
ENV_VARS = {"A_TOKEN": "sekret-variable"}
PROXY_USER = "ann:sekret-p%40ss"
TOKEN = {
    "token": "sekret-token",
    "expiresAt": "2026-01-02T03:04:05Z",
    "url": "https://stream.example/x",
}
# However they are written: as they are, in a Proxy-Authorization header, or in UTF-16.
FORMS = ["sekret", base64.b64encode(b"ann:sekret-p@ss").decode()[:16]]
# The key, and more than one line of a secret, as servers say them back.
PRIVATE_KEY = "-----BEGIN KEY-----\nsekret-first\nsekret-last\n-----END KEY-----\n"


def shows_a_secret(text):
    return any(form in text for form in FORMS)


def recorded(value, depth=0):
    """What an error tracker records of a variable: its repr, and of what is in
    containers, named tuples too.
    """
    try:
        yield repr(value)
    except AttributeError:
        return  # It is only half made.
    if depth < 6:
        if isinstance(value, dict):
            for pair in value.items():
                yield from recorded(pair, depth + 1)
        elif isinstance(value, (list, tuple, set, frozenset)):
            for item in value:
                yield from recorded(item, depth + 1)


def chain(error):
    """An error with its causes and contexts."""
    found = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__]
    return found


# Where values of requests and answers pass, besides our own files.
STANDARD = {
    Path(module.__file__).parent for module in (http.client, urllib.request, ssl, json)
}


@functools.cache
def is_looked_into(path):
    """Whether the variables of a file's functions are recorded."""
    file = Path(path)
    return FOLDER in file.parents or file.parent in STANDARD


def variables(error):
    """Every variable of every frame of ours, and of the standard library below, in the
    tracebacks of an error and of all in its chain, as (where, value).
    """
    for one in chain(error):
        for frame, line in traceback.walk_tb(one.__traceback__):
            path = frame.f_code.co_filename
            if is_looked_into(path):
                for name, value in frame.f_locals.items():
                    yield f"{path}:{line} {frame.f_code.co_name}: {name}", value


# What errors of the standard library hold besides their arguments: a document, or part.
DOCUMENTS = ("partial", "doc", "object", "line", "reason", "strerror")


def attributes(error):
    """What is in an error of the chain that is none of ours, as (name, value)."""
    yield from vars(error).items()
    for name in DOCUMENTS:
        yield name, getattr(error, name, None)


def assert_silent(error):
    """No secret in anything that is said about an error; and there are frames of ours,
    or this would prove nothing.
    """
    found = list(variables(error))
    assert found
    for where, value in found:
        for text in recorded(value):
            assert not shows_a_secret(text), where
    for one in chain(error):
        if not isinstance(one, PromptJugglerError):
            for name, value in attributes(one):
                for text in recorded(value):
                    assert not shows_a_secret(text), f"{one!r}: {name}"
        assert not shows_a_secret(str(one)), repr(one)
        assert not shows_a_secret(repr(one)), repr(one)
        assert not shows_a_secret(repr(one.args)), repr(one)
        # Of a traceback, the rest are lines of code; to show them takes most of the time.
        shown = traceback.format_exception_only(type(one), one)
        assert not shows_a_secret("".join(shown)), repr(one)
