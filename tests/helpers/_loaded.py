"""A Python that has loaded the package, and forks to be the command line.

To load its modules is most of the work of a command. Here each one is a fork of a process
that has them: with streams, arguments, an environment, signals and an end of its own, as
if it had been started. `helpers.commandline` runs this as a program, and sends it orders.
"""

import fcntl
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import sys
import termios


def load(name):
    """Load the package and all its modules, but not run it."""
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def next_order(orders):
    """Wait for an order, and fork; returns in the new process, with what came.

    That is the text, and the files: one to report to, and the standard streams.
    """
    while True:
        text, files, _, _ = socket.recv_fds(orders, 1_000_000, 4)
        reap()
        if not text:
            orders.close()
            sys.exit()
        if not os.fork():
            orders.close()
            return json.loads(text), files
        for file in files:
            os.close(file)


def reap():
    """Let those go that have ended, or the system would keep them."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def be_reported(report):
    """Fork; returns in the new process. The old one reports its number and its exit code."""
    number = os.fork()
    if not number:
        return
    os.closerange(0, 3)
    os.write(report, b"%d\n" % number)
    _, status = os.waitpid(number, 0)
    os.write(report, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def open_streams():
    """Open the standard streams as Python does when it starts."""
    encoding, errors = sys.stdin.encoding, sys.stdin.errors
    options = {"encoding": encoding, "newline": "\n", "closefd": False}
    sys.stdin = os.fdopen(0, errors=errors, **options)
    sys.stdout = os.fdopen(1, "w", errors=errors, **options)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", **options)


def main(orders, name):
    """Carry out orders, in forks, until no more can come."""
    load(name)
    # Or the garbage collector of each fork would write to all that they share.
    gc.freeze()
    order, (report, *streams) = next_order(orders)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    be_reported(report)
    os.close(report)
    if order["has_terminal"]:
        # In a new session, the terminal becomes the controlling one: ^C is a signal.
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    open_streams()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv[1:] = order["arguments"]
    if order["program"] is None:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        exec(order["program"], vars(sys.modules["__main__"]))


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
