"""App configuration of the events app; nothing else."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "registry.events"
    label = "events"
    verbose_name = "Events"
    default_auto_field = "django.db.models.BigAutoField"
