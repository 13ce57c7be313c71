"""The cast for every test. The services start in `tests/services.py`, before settings are read."""

import pytest
from django.db import connection
from hypothesis import settings

from supportgroups import embedded

pytest_plugins = ["tests.cast"]

# A busy machine is slow; that is no failure of a property.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Each test database is a copy of the one that `tests/services.py` has migrated."""
    connection.settings_dict["TEST"]["TEMPLATE"] = embedded.DATABASE
