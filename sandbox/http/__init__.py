"""HTTP/1.1 for containers whose component handles requests: framing without I/O, connections, workers."""
