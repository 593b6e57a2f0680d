"""The SageMaker door as a Django app: it owns no table, only the commands that read its shapes."""

from django.apps import AppConfig


class SageMakerConfig(AppConfig):
    name = "registry.api.sagemaker"
    label = "sagemaker"
    verbose_name = "SageMaker"
