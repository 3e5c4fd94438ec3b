"""What is measured of batches inside of a process. Orders come on the standard input, as those of `worker.py`."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any


def rows(count: int) -> Iterator[dict[str, str]]:
    """Inputs, made as they are taken."""
    return ({"name": f"Ada {number}"} for number in range(count))


class Worker:
    """One client, and what can be done with it."""

    def __init__(self) -> None:
        self.client: Any = None

    def connect(self, url: str) -> dict[str, Any]:
        """Make the client, and its first calls."""
        from promptjuggler import PromptJuggler

        self.client = PromptJuggler("key", base_url=url, proxy=False)
        self.client.preload()
        return {}

    def calls(self, count: int, workers: int) -> dict[str, Any]:
        """Start runs and wait for them, shared out between threads."""
        taken, lock = rows(count), threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    row = next(taken, None)
                if row is None:
                    return
                started = self.client.run_prompt("greeting", "production", row)
                self.client.wait_for_prompt_run(started.id)

        threads = [threading.Thread(target=work) for _ in range(workers)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"seconds": time.perf_counter() - begun}

    def batch(
        self, count: int, workers: int, journal: str, again: bool = False
    ) -> dict[str, Any]:
        """Run them as a batch; with a journal that is not there yet, unless it is to give them `again`."""
        if journal and not again and os.path.exists(journal):
            os.unlink(journal)
        begun = time.perf_counter()
        with self.client.run_prompts(
            "greeting",
            "production",
            rows(count),
            journal=journal or None,
            workers=workers,
        ) as batch:
            for result in batch:
                if result.run is None:
                    raise result.error
        seconds = time.perf_counter() - begun
        return {"seconds": seconds, "done": batch.counts.done, "resident": resident()}


def resident() -> int:
    """The most memory that this process had, in bytes."""
    try:
        with open("/proc/self/status") as stream:
            fields = dict(line.split(":", 1) for line in stream)
        return int(fields["VmHWM"].split()[0]) * 1024
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    worker = Worker()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = getattr(worker, order.pop("do"))(**order)
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
