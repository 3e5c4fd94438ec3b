"""What is measured inside of a process: the same calls for the package, for the published one, and for the floor.

Orders come on the standard input, one JSON object in each line, and each is answered by one line. Both packages have
the same names and signatures, so that one text serves both: the environment of the process decides which one it is.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


class Floor:
    """The least that does the job: a kept `http.client` connection in each thread, and `json.loads`."""

    def __init__(self, api_key: str, *, base_url: str) -> None:
        import http.client
        import ssl
        import threading
        from urllib.parse import urlsplit

        url = urlsplit(base_url)
        host = url.hostname or ""
        context = ssl.create_default_context() if url.scheme == "https" else None

        class Local(threading.local):
            def __init__(self) -> None:
                self.connection = http.client.HTTPConnection(host, url.port)
                if context:
                    self.connection = http.client.HTTPSConnection(
                        host, url.port, context=context
                    )

        self.local = Local()
        self.headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept-Encoding": "identity",
            "User-Agent": "floor/1",
        }

    def get_prompt_run(self, run_id: str) -> Any:
        connection = self.local.connection
        connection.request("GET", f"/api/v1/promptruns/{run_id}", headers=self.headers)
        return json.loads(connection.getresponse().read())

    def stream(self, thread: str) -> Any:
        """The names and data of the frames of a thread."""
        connection = self.local.connection
        connection.request(
            "POST", f"/api/v1/threads/{thread}/stream-token", headers=self.headers
        )
        path = json.loads(connection.getresponse().read())["url"].rpartition("/")[2]
        connection.request("GET", f"/{path}", headers=self.headers)
        name = b""
        for line in connection.getresponse():
            if line.startswith(b"event: "):
                name = line[7:-1]
            elif line.startswith(b"data: "):
                yield name, json.loads(line[6:])


class Worker:
    """One client, and what can be done with it."""

    def __init__(self) -> None:
        self.client: Any = None

    def connect(self, url: str, floor: bool = False) -> dict[str, Any]:
        """Make the client."""
        if floor:
            self.client = Floor("key", base_url=url)
        else:
            from promptjuggler import PromptJuggler

            self.client = PromptJuggler("key", base_url=url)
        return {}

    def calls(self, run_id: str, count: int) -> dict[str, Any]:
        """Get a run, one time after another."""
        get = self.client.get_prompt_run
        begun = time.perf_counter()
        for _ in range(count):
            run = get(run_id)
        seconds = time.perf_counter() - begun
        return {"seconds": seconds / count, "items": len(part(run, "transcript"))}

    def in_threads(
        self, run_ids: list[str], threads: int, polls: int
    ) -> dict[str, Any]:
        """Get the runs, shared out between threads, each one until it is no longer pending: at most `polls` times."""
        import threading

        lock, done, errors = threading.Lock(), [0], []

        def work(share: list[str]) -> None:
            calls, left = 0, [(run_id, polls) for run_id in share]
            while left:
                again = []
                for run_id, most in left:
                    calls += 1
                    try:
                        status = status_of(self.client.get_prompt_run(run_id))
                    except Exception as error:
                        status = "failed"
                        with lock:
                            errors.append(repr(error))
                    if most > 1 and status == "pending":
                        again.append((run_id, most - 1))
                left = again
            with lock:
                done[0] += calls

        workers = [
            threading.Thread(target=work, args=(run_ids[index::threads],))
            for index in range(threads)
        ]
        begun = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return {
            "seconds": time.perf_counter() - begun,
            "calls": done[0],
            "errors": errors,
        }

    def decode(self, file: str, count: int, floor: bool = False) -> dict[str, Any]:
        """Decode a run, one time after another."""
        if floor:
            decode: Any = json.loads
        else:
            from promptjuggler import PromptRun

            decode = PromptRun.from_json
        with open(file, "rb") as stream:
            document = stream.read()
        begun = time.perf_counter()
        for _ in range(count):
            run = decode(document)
        seconds = time.perf_counter() - begun
        return {"seconds": seconds / count, "items": len(part(run, "transcript"))}

    def stream(self, thread: str, runs: int) -> dict[str, Any]:
        """Read the stream of a thread until so many runs are done; the seconds are those after the first event."""
        tokens, begun = 0, 0.0
        if isinstance(self.client, Floor):
            for name, _ in self.client.stream(thread):
                begun = begun or time.perf_counter()
                tokens += name == b"token"
                runs -= name == b"done"
                if not runs:
                    break
        else:
            from promptjuggler import ConnectedEvent, DoneEvent, TokenEvent

            with self.client.stream(thread) as stream:
                for event in stream:
                    if isinstance(event, TokenEvent):
                        tokens += 1
                    elif isinstance(event, DoneEvent):
                        runs -= 1
                        if not runs:
                            break
                    elif not isinstance(event, ConnectedEvent):
                        begun = begun or time.perf_counter()
        return {"seconds": time.perf_counter() - begun, "tokens": tokens, **memory()}

    def upload(
        self, run_id: str, file: str, whole: bool, really: bool
    ) -> dict[str, Any]:
        """Everything up to an upload and, only if `really`, the upload: of a path or, `whole`, of the file's bytes."""
        self.client.get_prompt_run(run_id)
        begun = time.perf_counter()
        if really and whole:
            with open(file, "rb") as stream:
                self.client.upload_documents("handbook", [("data.bin", stream.read())])
        elif really:
            self.client.upload_documents("handbook", [file])
        return {"seconds": time.perf_counter() - begun, **memory()}


def part(run: Any, name: str) -> Any:
    """A part of a run, whatever kind of object it is."""
    return run[name] if isinstance(run, dict) else getattr(run, name)


def status_of(run: Any) -> str:
    """The status of a run, whatever kind of object it is."""
    status = part(run, "status")
    return str(getattr(status, "value", status))


def memory() -> dict[str, int]:
    """The most memory that this process had: resident, and address space where the system tells, in bytes."""
    try:
        with open("/proc/self/status") as stream:
            fields = dict(line.split(":", 1) for line in stream)
        return {
            "resident": int(fields["VmHWM"].split()[0]) * 1024,
            "space": int(fields["VmPeak"].split()[0]) * 1024,
        }
    except OSError:
        import resource

        # Not on Linux: there it begins with what the parent had.
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "resident": most * (1 if sys.platform == "darwin" else 1024),
            "space": 0,
        }


def main() -> None:
    worker = Worker()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = getattr(worker, order.pop("do"))(**order)
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)
    # What was measured is said: tidying up is not part of it.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
