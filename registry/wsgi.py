"""The entry point for WSGI servers; `manage.py serve` uses it too."""

import os

from django.core.wsgi import get_wsgi_application

from registry.web.server import SUPERVISOR_VARIABLE, end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

if SUPERVISOR_VARIABLE in os.environ:
    # A worker whose server was killed would go on answering with nobody to stop it.
    end_with_parent()

application = get_wsgi_application()
