"""The program's version, which journals carry and `--version` prints."""

__version__ = "0.1.0"
