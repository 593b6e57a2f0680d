"""Backups: every table of the registry in one file, the same for both databases, and the way back in."""
