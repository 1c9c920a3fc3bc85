"""Why the local system could not start or go on."""


class LocalFailure(Exception):
    """One clear line for the person at the keyboard, who is told nothing else."""
