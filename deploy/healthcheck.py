"""Asks this container's own web process: `python deploy/healthcheck.py /readyz`.

Exits 0 on status 200, and 1 with the answer otherwise. Standard library only: it runs every few
seconds.
"""

import http.client
import os
import sys


def main() -> int:
    path = sys.argv[1]
    port = int(os.environ.get("PORT", "8000"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    host = os.environ["ALLOWED_HOSTS"].split(",")[0]
    try:
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        body = response.read(500).decode(errors="replace")
    except OSError as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 1
    sys.stdout.write(f"{path}: {response.status} {body}\n")
    return 0 if response.status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(main())
