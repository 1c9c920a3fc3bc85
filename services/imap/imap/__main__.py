"""`python -m imap`: one replica of the IMAP service, configured by `MAILSTEAD_*` variables."""

from imap.app import imap
from imap.settings import ImapSettings
from mailstead.ops.lifecycle import main

if __name__ == "__main__":
    main(imap, ImapSettings, "imap")
