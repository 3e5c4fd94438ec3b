"""Pictures of the command line at work: `python3 -m tests.pictures` from the root of the project draws them anew.

`recording` runs a command in a pseudo-terminal, `screen` knows what that terminal would show, and `drawing` makes an SVG
of it. What is drawn is what the program has written: nothing is typed by hand but the line with the command itself.
"""
