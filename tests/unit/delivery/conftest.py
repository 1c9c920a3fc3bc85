"""Fixtures of the kit that delivery's tests share."""

from kit.dns import dns_process, dns_server
from kit.postfix import mail_port, postfix

__all__ = ["dns_process", "dns_server", "mail_port", "postfix"]
