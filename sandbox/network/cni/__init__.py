"""Pod networks made by plugins of the Container Network Interface, versions 0.1.0 to 1.1.0.

What is said to a plugin and what it answers is told apart from how it is run: ``network_config``, ``capabilities``,
``invocation``, ``results`` and ``chain`` do no I/O. ``network.CniNetwork`` is the ``NetworkProvider``.
"""
