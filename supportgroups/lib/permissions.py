"""Which features of the browser a page may use: none but those named (Permissions-Policy)."""

_NAMES = (
    "accelerometer browsing-topics camera display-capture geolocation gyroscope hid "
    "idle-detection magnetometer microphone midi payment serial usb"
).split()


def _policy(**allowed: str) -> str:
    return ", ".join(f"{name}=({allowed.get(name, '')})" for name in _NAMES)


NONE = _policy()
#: Of the one page that may ask the browser where it is.
MAY_ASK_WHERE = _policy(geolocation="self")
