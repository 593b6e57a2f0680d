"""What takes long is left out unless `-m operations` asks for it."""

from tests.operations.conftest import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems"]
