"""Networks that pods are attached to. Every network is one implementation of ``provider.NetworkProvider``."""
