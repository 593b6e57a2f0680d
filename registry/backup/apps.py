"""The app of the backups; it owns no table, only commands."""

from django.apps import AppConfig


class BackupConfig(AppConfig):
    name = "registry.backup"
