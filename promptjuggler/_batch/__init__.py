"""The parts of `promptjuggler.batch`. From the disk up, one file each:

file     a file that is locked, grows by whole lines, and is forced to disk
journal  what the lines say: the call, and how far each of its rows is
clock    the clock of a client whose waits can be ended
pace     when the next run may be started: the brake that all workers share
work     one row, from its inputs to its outcome
tally    what has come of all rows so far
crew     the threads that do the work
course   how far the batch is, and what ends it early

A *row* is one of the inputs, by its index from 0. What starts and waits for runs is
handed in: nothing here knows the client.
"""
