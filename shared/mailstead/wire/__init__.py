"""Pure codecs: bytes from the wire to values and back (headers, MIME, IMAP strings, SASL, dots, reports, trace fields).

May import `model` and the standard library (and orjson for packing). Nothing here does I/O, reads a clock or raises on what a
stranger may send: a message that cannot be understood is still described, so that it can be stored and delivered byte for byte.
"""
