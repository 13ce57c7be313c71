from django.apps import AppConfig


class SupportGroupsConfig(AppConfig):
    """The project itself, for its management commands, checks and tick."""

    name = "supportgroups"
    verbose_name = "Support groups"

    def ready(self) -> None:
        from supportgroups import checks  # noqa: F401
