"""`python3 -m promptjuggler`: the command line."""

import sys

if __name__ == "__main__":
    try:
        from ._cli import main

        code = main()
    except KeyboardInterrupt:  # while the modules were still being loaded
        code = 130
    sys.exit(code)
