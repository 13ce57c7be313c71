"""Addresses of the pages that explain."""

from django.conf import settings
from django.urls import path

from supportgroups import pages

app_name = "pages"

urlpatterns = [
    path("safety/", pages.safety, name="safety"),
    path("privacy/", pages.privacy, name="privacy"),
    path("hide-your-visit/", pages.hide_visit, name="hide_visit"),
    path("accessibility/", pages.accessibility, name="accessibility"),
    path("account/exit/", pages.quick_exit, name="quick_exit"),
    path("display/", pages.display, name="display"),
    path(".well-known/security.txt", pages.security_txt, name="security_txt"),
]
if not settings.PRODUCTION:
    from supportgroups import gallery

    urlpatterns.append(path("parts/", gallery.gallery, name="gallery"))
