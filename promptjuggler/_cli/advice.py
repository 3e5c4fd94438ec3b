"""What the client says to programs, in words of the command line.

Its errors name arguments where we have options, and say what a program can do.
"""

from __future__ import annotations


def in_words_of_options(text: str) -> str:
    """The text of an error of the client, without the words that are for programs.

    It loads nothing that the client has not.
    """
    from .._batch.arguments import RESTART_UNSURE
    from .._http import certificates
    from .._http.failures import THE_TOTAL_TIMEOUT, TOTAL_TIMEOUT

    of_the_command_line = {
        certificates.PRIVATE_AUTHORITY: (
            "for a private certificate authority, give --ca-file or set SSL_CERT_FILE"
        ),
        certificates.GIVEN_CONTEXT: "the file of --ca-file does not trust its authority",
        certificates.NO_CERTIFICATE: (
            "the server wants a client certificate, which the command line has none of,"
            " or it has no cipher in common"
        ),
        certificates.UNTRUSTED_CERTIFICATE: (
            "the server wants a client certificate that it trusts, and the command line"
            " has none"
        ),
        certificates.CHECKED_STRICTLY: (
            "Python 3.13 and later check strictly how certificates are made up; if this"
            " one cannot be made anew, call an older Python"
        ),
        TOTAL_TIMEOUT: "--total-timeout=",
        THE_TOTAL_TIMEOUT: "--total-timeout",
        # What to do about all such rows, the last line says.
        RESTART_UNSURE: "",
    }
    for of_programs, ours in of_the_command_line.items():
        text = text.replace(of_programs, ours)
    return text
