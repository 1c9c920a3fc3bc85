"""What the environment tells this service beyond what it tells all of them."""

from pydantic import Field

from mailstead.ops.settings import ServiceSettings, WebhookSettings
from mailstead.store.search_trigrams import RECENT


class JobsSettings(ServiceSettings, WebhookSettings):
    """`MAILSTEAD_JOBS_RECLAIM_SECONDS` and so on; see `ServiceSettings` for the rest."""

    jobs_lease_seconds: float = Field(
        default=30, ge=1, le=3600, description="How long a job waits for its replica after that replica is gone"
    )
    jobs_search_seconds: float = Field(
        default=2, gt=0, description="Seconds between two looks for new mail whose text is to be indexed for SEARCH"
    )
    jobs_search_settle_seconds: float = Field(
        default=5,
        ge=0,
        le=3600,
        description="How long new mail is left to its readers before this job takes it; SEARCH reads it meanwhile",
    )
    jobs_search_recent: int = Field(
        default=RECENT,
        ge=0,
        description="Newest texts of an account that each search of it reads; older ones are in an index of trigrams,"
        " which costs a hundred times as much to write",
    )
    jobs_search_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Part of the time that this job works while there is much new mail; the rest is left to deliveries",
    )
    jobs_reclaim_seconds: float = Field(
        default=600, gt=0, description="Seconds between two looks for content that nothing refers to"
    )
    jobs_content_grace_hours: float = Field(
        default=24, gt=0, description="How long content that nothing refers to is kept, in hours: longer than any delivery takes"
    )
    jobs_retention_seconds: float = Field(
        default=3600, gt=0, description="Seconds between two purges of what is past its retention"
    )
    jobs_deleted_seconds: float = Field(
        default=600,
        gt=0,
        description="Seconds between two looks for deleted accounts and domains whose time to be restored is over",
    )
    jobs_expunged_days: float = Field(default=14, gt=0, description="How long expunged messages can be brought back, in days")
    jobs_audit_days: float = Field(default=730, gt=0, description="How long entries of the audit log are kept, in days")
    jobs_queue_history_days: float = Field(
        default=7, gt=0, description="How long messages that left the house are shown in the queue, in days"
    )
    jobs_queue_seconds: float = Field(
        default=60, gt=0, description="Seconds between two looks for what pauses of the queue that have ended left behind"
    )
    jobs_srs_key_days: float = Field(
        default=30, gt=0, description="How long a key signs rewritten senders of forwards before a new one does, in days"
    )
    jobs_invariants_seconds: float = Field(default=3600, gt=0, description="Seconds between two checks of the store's invariants")
    jobs_events_seconds: float = Field(
        default=0.5, gt=0, description="Seconds between two looks for events that the outside is to be told"
    )
    jobs_event_days: float = Field(
        default=30, gt=0, description="How long events, and the log of their delivery to webhooks, are kept, in days"
    )
    jobs_webhook_seconds: float = Field(
        default=15, gt=0, le=60, description="How long a webhook may take to answer; what takes longer is tried again"
    )
    jobs_webhooks_at_once: int = Field(default=50, ge=1, le=1000, description="Events that this replica sends at once")
    jobs_webhooks_of_one: int = Field(
        default=4,
        ge=1,
        le=100,
        description="About how many of them go to one webhook, so that a slow one holds up no other",
    )
    jobs_webhook_retry_seconds: float = Field(
        default=10, gt=0, description="Pause after the first attempt that a webhook did not take; pauses double up to four hours"
    )
    jobs_webhook_give_up_hours: float = Field(
        default=72, gt=0, description="How long an event is tried that a webhook does not take, in hours"
    )
    jobs_webhook_disable_hours: float = Field(
        default=120, gt=0, description="How long a webhook may fail, without one success, before it is turned off, in hours"
    )
    jobs_measure_seconds: float = Field(default=60, gt=0, description="Seconds between two measurements of the tables' sizes")
