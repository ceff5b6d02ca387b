"""WebSocket as Kubernetes' clients speak it. No I/O.

messages   messages, by wsproto
channels   streams in messages: each begins with the number of its own
"""
