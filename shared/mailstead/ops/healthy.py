"""The health command of a container: `python -m mailstead.ops.healthy` ends with 0 when the service beside it is ready."""

import http.client
import os
import sys
from http import HTTPStatus

ANSWER_SECONDS = 4.0


def main() -> None:
    port = os.environ.get("MAILSTEAD_OBSERVE_PORT")
    if not port:
        sys.exit("MAILSTEAD_OBSERVE_PORT is not set: it names the port of /readyz")
    connection = http.client.HTTPConnection("localhost", int(port), timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        said = answer.read().decode().strip()
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"no answer on port {port}: {error}")
    if answer.status != HTTPStatus.OK:
        sys.exit(said)


if __name__ == "__main__":
    main()
