"""App configuration of the catalog app; nothing else."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "registry.catalog"
    label = "catalog"
    verbose_name = "Model registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the statements that read who asks read too whether teams keep something from them."""
        from registry.accounts.models import Teams

        from .models.teams import others_see_more

        Teams.question = staticmethod(others_see_more)
