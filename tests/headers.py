"""What every answer of this site carries, whatever it is."""

import re

from django.http import HttpResponse

#: The same on pages, files, redirects and errors.
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
#: A page that holds a secret in its address sends none at all.
REFERRERS = {"same-origin", "no-referrer"}
POLICY = (
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types default",
)


def wrong_with(response: HttpResponse, *, signed_in: bool, open_to_all: bool = False) -> list[str]:
    """Each header that is missing or says too much. `open_to_all`: other sites may read it."""
    found = response.headers
    wrong = [name for name, value in ALWAYS.items() if found.get(name) != value]
    if found.get("Referrer-Policy") not in REFERRERS:
        wrong.append("Referrer-Policy")
    policy = found.get("Content-Security-Policy", "")
    wrong += [part for part in POLICY if part not in policy]
    if re.search(r"unsafe|\*|data:|blob:|https?:", policy):
        wrong.append(f"the policy is too wide: {policy}")
    allowed = found.get("Permissions-Policy", "").replace("geolocation=(self)", "geolocation=()")
    if set(re.findall(r"=\((.*?)\)", allowed)) != {""}:
        wrong.append("Permissions-Policy")
    wrong += [name for name in ("Server", "X-Powered-By") if name in found]
    if not open_to_all:
        wrong += [name for name in found if name.lower().startswith("access-control-")]
    if signed_in and "no-store" not in found.get("Cache-Control", ""):
        wrong.append("Cache-Control of a signed-in person")
    return wrong
