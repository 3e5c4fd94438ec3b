"""Streams of events, while runs happen. From bytes to events, one file each:

_sse           bytes to frames, by the HTML standard; pure
_assembly      frames to events and views, by the protocol's rules; pure
events         the events and `RunView`; public
thread_stream  `ThreadStream`: connects, reads on, connects again; public
run_stream     `RunStream`: one run in a stream of its own; public
"""
