"""`python -m tests.upgrades.keep TAG FOLDER`: make the files of a release that are committed."""

import os
import sys
from pathlib import Path

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from tests.upgrades.old import keep

    keep(sys.argv[1], Path(sys.argv[2]))
