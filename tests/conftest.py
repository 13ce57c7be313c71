"""The cast for every test. The services start in `tests/services.py`, before settings are read."""

from hypothesis import settings

pytest_plugins = ["tests.cast"]

# A busy machine is slow; that is no failure of a property.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
