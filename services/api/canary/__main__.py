"""`python -m canary`: one round trip, told by `MAILSTEAD_CANARY_*` variables; ends with 0 when all that was sent arrived."""

import sys
from collections.abc import Iterator

import httpx
from pydantic import ValidationError

from canary.api_client import account_of, api_client, report
from canary.settings import CanarySettings
from canary.trip import Login, Outcome, Run, round_trip
from mailstead.ops.logging import configure, get_logger
from mailstead.ops.settings import explain

log = get_logger()


def main() -> None:
    configure("canary", "canary")
    try:
        settings = CanarySettings.model_validate({})  # reads the environment
    except ValidationError as error:
        sys.stderr.write(f"mailstead canary: {explain(error)}\n")
        sys.exit(2)
    well = True
    try:
        with api_client(settings) as client, account_of(settings, client) as login:
            for path, run in runs(settings, login):
                tell = log.info if run.outcome is Outcome.ARRIVED else log.error
                tell("canary", path=path, outcome=run.outcome.value, seconds=run.seconds, reason=run.reason)
                well = well and run.outcome is Outcome.ARRIVED
                if client is not None:
                    report(client, path, run)
    except (httpx.HTTPError, OSError) as error:
        sys.exit(f"mailstead canary: {error}")
    sys.exit(0 if well else 1)


def runs(settings: CanarySettings, login: Login) -> Iterator[tuple[str, Run]]:
    """Each path with how it went."""
    yield "mailbox", round_trip(settings, login, login.user, settings.canary_seconds)
    if settings.canary_remote is not None:
        yield "remote", round_trip(settings, login, settings.canary_remote, settings.canary_remote_seconds)


if __name__ == "__main__":
    main()
