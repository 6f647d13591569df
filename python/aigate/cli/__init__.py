"""The command line. One module a command; each prints a table for people and, with `--json`, data for programs."""

from .main import main

__all__ = ["main"]
