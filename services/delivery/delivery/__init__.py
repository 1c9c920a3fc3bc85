"""Outbound delivery: claims queued messages by lease, finds the hosts that take them, speaks SMTP to those, settles the outcome.

May import `mailstead.*`, dnspython and nothing of another service. Keeps D3: work is held by a lease with a fence, settling one
that ran out fails, and a bounce is queued in the transaction that removes what it reports. All that decides about mail (`route`,
`schedule`, `outcome`, `bounce`, `replies`, `commands`, `smtp_client`) is pure; `mx`, `connection`, `transport`,
`attempt` and `worker` carry out what those decide.
"""
