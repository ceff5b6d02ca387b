"""Pods below the server: zygote, pod process, guest process, and what they stand on. Knows neither gRPC nor CRI
messages.
"""
