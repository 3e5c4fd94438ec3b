"""The results of the API."""
