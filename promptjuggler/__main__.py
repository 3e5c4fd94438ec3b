"""The command line."""

import sys

if __name__ == "__main__":
    try:
        from ._cli import main

        sys.exit(main())
    except KeyboardInterrupt:  # while modules were loaded
        sys.exit(130)
