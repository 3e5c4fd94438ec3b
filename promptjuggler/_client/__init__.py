"""The parts of the client: what sends, what is sent, and the methods by subject.

requests    the one place that builds paths and bodies from checked arguments
caller      sends a request, again where that is right, and waits for the end of things
runs        the methods for prompts, workflows and their runs
streams     the methods for streams
many        the methods for many runs from many inputs
batches     what a batch gets of the client: its calls, and what they are for the journal
knowledge   the methods for knowledge bases and their documents
preloading  does at once what the first calls would do late

`promptjuggler.client` puts them together.
"""
