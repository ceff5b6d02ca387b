"""SPDY/3.1 as Kubernetes' clients speak it: the part of HTTP/2's ancestor that carries streams, without flow control.

No I/O: bytes in, events out; what is to be written comes back as bytes.

    dictionary   what header blocks are compressed against
    headers      header blocks
    frames       frames
    connection   streams and their states
"""
