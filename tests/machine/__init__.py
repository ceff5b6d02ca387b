"""A machine as users have it, emulated: Debian with systemd, cgroup v2 alone, and wasmlet as a service of it.

disk.py      what is on its disk: Debian, wasmlet as deploy/README.md installs it, crictl, guests
machine.py   the emulator, and commands run inside
agent.py     the other end, inside
node.py      crictl, pods and containers inside
"""
