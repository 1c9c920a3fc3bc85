"""`python -m jobs`: one replica of the jobs service, configured by `MAILSTEAD_*` variables."""

from jobs.app import jobs
from jobs.settings import JobsSettings
from mailstead.ops.lifecycle import main

if __name__ == "__main__":
    main(jobs, JobsSettings, "jobs")
