"""Show a run, step by step: `python3 -m promptjuggler.testing`."""

from __future__ import annotations

from .server import FakeServer


def main() -> None:
    """Start a run of a prompt, wait for it, and print each step."""
    from .. import PromptJuggler

    with (
        FakeServer(run_seconds=0.3) as server,
        PromptJuggler(server.api_key, base_url=server.url, proxy=False) as pj,
    ):
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        print(f"A FakeServer stands in for the API at {server.url}.")
        run = pj.run_prompt("greeting", "production", {"name": "Ada"})
        print(f"Started run {run.id} of the prompt greeting, with name=Ada.")
        print(f"Status: {pj.get_prompt_run(run.id).status}. Waiting ...")
        done = pj.wait_for_prompt_run(run.id, poll_interval=0.01)
        print(f"Status: {done.status}.\nAnswer: {done.output}\nNo model was called.")


if __name__ == "__main__":
    main()
