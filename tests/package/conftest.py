"""What is collected here."""

# It builds the package, for which it wants more than pytest. `tox -e package` names it,
# and pytest collects what is named.
collect_ignore = ["test_distribution.py"]
