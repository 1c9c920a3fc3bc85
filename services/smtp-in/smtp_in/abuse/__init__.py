"""What a stranger may take of us before any message is looked at: rates that hold across replicas (promise S6), and manners.

Networks that are trusted are let in as they come. What is too much is put off, never bounced: the reply is always temporary.
"""
