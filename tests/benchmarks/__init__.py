"""Figures of the real server against the sandbox, each in a process of its own."""
