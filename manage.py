#!/usr/bin/env python
"""The command line: `python manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here: run `make install`, then `.venv/bin/python manage.py`.")
    from django.db import DatabaseError

    from registry.configuration import ConfigurationError

    try:
        execute_from_command_line(sys.argv)
    except ConfigurationError as error:
        print(f"Cannot start: {error}", file=sys.stderr)
        sys.exit(2)
    except DatabaseError as error:
        # SQLite's and PostgreSQL's words for a table that is missing.
        if "no such table" not in str(error) and "does not exist" not in str(error):
            raise
        print("The database has no tables yet: run `manage.py migrate` (serve and demo do it).", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
