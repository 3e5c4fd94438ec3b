"""Requests over HTTP: the only folder that opens sockets, `testing/` aside.

The life of one request
-----------------------
1. `transport.Transport.send` makes a `messages.UrllibRequest` of a `messages.Request`,
   finds its `messages.Route` (`proxy` has the proxies), and gives it to an opener of
   `urllib.request`: the built-in one, or that of the caller.
2. Under the built-in one, `pool.KeepAliveHandler` takes an idle `connection.Connection`
   from the `pool.Pool`, or makes a new one.
3. `Connection.exchange` connects if need be (`addresses.connected_socket`, the tunnel of
   a proxy, TLS with the context of `certificates.Trust`), sends the request, and reads
   the head of the answer, a `response.Response`. Each step has the time of the request's
   `deadline.Deadline`.
4. `Transport` has the body read (`bodies`) and unpacked, should it come packed
   (`codings`), and closes the answer. The answer tells that it ended, and the connection
   goes back into the pool if it can serve another request, or is closed.
5. What goes wrong on the way becomes a `NetworkError` in `failures`; an answer that is an
   error, or cannot be read, becomes an `ApiError` or a `DecodeError` in `error_answers`.
   No other file makes one of an answer, or of a failure on the way.

Files
-----
deadline <- sockets <- response <- connection <- pool <- transport: no file knows one that
stands further right. Beside them are

addresses      the addresses of a host, and a socket to one of them
certificates   whom to trust over TLS, and what to say where that fails
messages       a request and its answer; the request as urllib wants it; routes
proxy          the proxy of an argument or of the environment
multipart      files as the body of a request
bodies         the body of an answer, within its bounds
codings        what comes packed, unpacked
exceptions     what can go wrong, where the standard library has no error for it
causes         the `__cause__` of an error of ours, without secrets
failures       what goes wrong on the way, in our errors
error_answers  answers that are errors, or cannot be read, in our errors
retry_after    when a server asks to come back

What is used of the insides of the standard library
---------------------------------------------------
Each place is marked `seam:` in the code, and each has a test that fails with its name
when a new Python moves it (`tests/http/test_stdlib_seams.py`).

HTTPConnection.sock                   assigned; http.client then calls sendall, makefile
                                      and close of what it finds there (sockets.Wire)
HTTPConnection.auto_open              0: it never connects by itself
HTTPConnection.response_class         the class of answers (connection.Connection)
HTTPConnection._tunnel                the words for a tunnel that a proxy refused, with
                                      the status, under an opener of the caller
HTTPResponse(sock)                    its file is sock.makefile("rb") (response.Response)
HTTPResponse.begin                    reads the head, sets version, status, code, reason,
                                      headers, msg, chunked, chunk_left, length and
                                      will_close: ours does that in its place
HTTPResponse._read_next_chunk_size    reads the size of one chunk
HTTPResponse._read_and_discard_trailer
                                      reads what is behind the last chunk
HTTPResponse._safe_read               reads so many bytes, also the two behind a chunk
HTTPResponse.headers                  None before begin() has read a head
HTTPResponse.chunk_left               0 then, and at no other such read
HTTPResponse.isclosed                 true once the body was read to its end
HTTPResponse.length                   counts down while the body is read
Request.redirect_dict                 what urllib takes as redirects followed before
HTTPError.fp, HTTPError.hdrs          None where a handler made the error up
HTTPResponse.fp.raw._sock             the socket behind the answer of another opener
SSLSocket.shutdown                    socket.SocketType.shutdown is the part of it that
                                      leaves the TLS state alone (deadline)
_thread.RLock                         what threading.RLock() gives (certificates.Trust)
"""
