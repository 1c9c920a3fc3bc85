"""The `mailstead` command: what people type.

Each command is a module that `main` registers. Commands speak to the API as any client does; only `up`, which starts the whole
system on this machine, reaches for `mailstead_local`. Never imports a service.
"""
