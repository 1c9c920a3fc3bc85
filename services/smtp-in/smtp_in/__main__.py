"""`python -m smtp_in`: one replica of SMTP ingress, configured by `MAILSTEAD_*` variables."""

from mailstead.ops.lifecycle import main
from smtp_in.app import smtp_in
from smtp_in.settings import Settings

if __name__ == "__main__":
    main(smtp_in, Settings, "smtp-in")
