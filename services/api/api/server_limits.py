"""What this service takes at most, as `GET /v1/limits` tells."""

from api.schemas.server import LimitsOut
from api.settings import ApiSettings
from mailstead.store.webhooks import MAX_WEBHOOKS


def limits_of(settings: ApiSettings) -> LimitsOut:
    """What the settings allow."""
    return LimitsOut(
        requests_per_second=settings.api_rate_per_second,
        request_burst=settings.api_rate_burst,
        body_bytes=settings.api_max_body,
        account_import_bytes=settings.api_max_import,
        account_import_rows=settings.api_max_import_rows,
        message_bytes=settings.api_max_message,
        mail_import_bytes=settings.api_max_mail_import,
        queue_action_recipients=settings.api_max_queue_action,
        streams_of_caller=settings.api_max_streams_of_caller,
        stream_seconds=settings.api_stream_seconds,
        sieve_scripts=settings.sieve_max_scripts,
        sieve_script_bytes=settings.sieve_max_script_octets,
        webhooks_of_tenant=MAX_WEBHOOKS,
        password_strength=settings.api_password_strength,
        restorable_days=settings.api_deleted_days,
        sign_in_hours=settings.api_sign_in_hours,
    )
