"""ManageSieve (RFC 5804): how people put their scripts here. A listener of its own in the service that runs them.

`protocol.py`, `state.py` and `replies.py` are pure. What is stored has been compiled with the limits under which it will run, so
that whatever is active can be run; an OK is sent after the commit (promise D1), what is unexpected is a NO (TRYLATER) (D5).
"""
