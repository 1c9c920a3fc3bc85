"""`python -m pop3`: one replica of the POP3 service, configured by `MAILSTEAD_*` variables."""

from mailstead.ops.lifecycle import main
from pop3.app import pop3
from pop3.settings import Pop3Settings

if __name__ == "__main__":
    main(pop3, Pop3Settings, "pop3")
