"""Who a message is from, as far as DNS and signatures can tell: SPF, DKIM, ARC, DMARC, reverse names.

Cores ask DNS as values and are fed its answers (`mailstead.model.dns.Asking`): no await, no clock, no socket. `checker.py` alone
does I/O. A check that fails for whatever reason of ours is `temperror`, and mail goes on (promise D5).
"""
