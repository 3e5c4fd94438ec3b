"""The parts of the client: what sends, what is sent, and the methods by subject.

caller      sends a request, again where that is right, and waits for the end of things
requests    the one place that builds paths and bodies from checked arguments
runs        the methods for prompts, workflows and their runs
streams     the methods for streams
batches     what a journal says of the call that it is of
knowledge   the methods for knowledge bases and their documents

`promptjuggler.client` puts them together.
"""
