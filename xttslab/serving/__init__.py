"""Servers on this machine: pages to review clips and to listen, and the voice in use."""
