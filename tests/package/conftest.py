"""What is collected here."""

import importlib.util

# It builds the package, with what `tox -e package` installs, and is run there.
collect_ignore = [] if importlib.util.find_spec("build") else ["test_distribution.py"]
