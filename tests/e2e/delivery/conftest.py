"""Fixtures of the kit that delivery's end-to-end tests share."""

from kit.delivering import house
from kit.dns import dns_process, dns_server
from kit.postfix import mail_port, postfix

__all__ = ["dns_process", "dns_server", "house", "mail_port", "postfix"]
