"""App configuration of the catalog app; nothing else."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "registry.catalog"
    label = "catalog"
    verbose_name = "Model registry"
    default_auto_field = "django.db.models.BigAutoField"
