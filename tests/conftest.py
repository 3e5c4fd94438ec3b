"""What holds for every test."""

import compileall
import gc
import os
import signal
import threading
import time

import pytest
from helpers.clock import MovableClock
from helpers.network import enter_own_network
from helpers.package import FOLDER, NAME, is_of_machine
from helpers.servers import PATIENCE, descriptors


def pytest_report_header():
    return f"under test: {FOLDER / '__init__.py'} as {NAME}"


def pytest_sessionstart():
    # Or each of the processes that tests start would compile it, where none may keep that.
    compileall.compile_dir(FOLDER, quiet=2)
    # In the background of a shell it is ignored, which the processes that tests start
    # would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("PROMPTJUGGLER_OWN_NETWORK"):
        enter_own_network()
    # The tests see an environment without proxies, certificates or an account.
    for variable in list(os.environ):
        if is_of_machine(variable):
            del os.environ[variable]


@pytest.hookimpl(hookwrapper=True)
def pytest_collection():
    """Whatever is made while the tests are looked for stays: so nothing is collected."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def clock(monkeypatch):
    """The clock of all limits, which the test moves on: see `MovableClock`."""
    return MovableClock(monkeypatch)


@pytest.fixture(autouse=True, scope="module")
def nothing_left_behind():
    """After the tests of a module, no thread runs and no file is open that was not before.

    By module and not by test: a server, and the connections to it, may serve all tests of
    a module.
    """
    # What is there now stays: so the collections of the tests need not look at it.
    gc.collect()
    gc.freeze()
    threads, files = set(threading.enumerate()), descriptors()
    yield
    deadline = time.monotonic() + PATIENCE
    left = set(threading.enumerate()) - threads
    while left and time.monotonic() < deadline:
        # A thread that was told to end needs a moment.
        time.sleep(0.01)
        left = {thread for thread in left if thread.is_alive()}
    assert not left, f"threads that still run: {left}"
    if len(descriptors()) > len(files):
        gc.collect()
    assert len(descriptors()) <= len(files), (
        f"files left open: {sorted(descriptors() - files)}"
    )
