"""`python3 -m promptjuggler`: the command line."""

import sys

if __name__ == "__main__":
    try:
        from ._cli import main

        sys.exit(main())
    except KeyboardInterrupt:
        # While modules were loaded; later, the command line ends by itself.
        sys.exit(130)
