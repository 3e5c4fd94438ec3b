"""The streams: `events`, `thread_stream` and `run_stream` are public."""
