"""Mail as files that other programs read: Maildir trees in tar archives, and mbox."""
