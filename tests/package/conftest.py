"""What is collected here."""

# They want more than pytest: the first what builds the package, the second the published
# package. `tox -e package` and `tox -e moving` name them, and pytest collects what is named.
collect_ignore = ["test_distribution.py", "test_published.py"]
