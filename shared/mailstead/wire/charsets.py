"""Names of charsets as mail has them, and the codecs for them.

The names come from strangers, so only those listed here reach Python's registry: it imports a module for each name it is asked
for, remembers unknown ones forever, and holds codecs that are no charsets or take quadratic time.
"""

import re
from encodings.aliases import aliases

_NO_CHARSETS = {
    *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"),
    *("idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"),
}
_WITHOUT_ALIAS = ("cp720", "cp737", "cp874", "koi8_t", "koi8_u")
_CODECS = {name: codec for name, codec in aliases.items() if codec not in _NO_CHARSETS}
_CODECS |= {codec: codec for codec in (*_CODECS.values(), *_WITHOUT_ALIAS)}
# Senders that name the standard use its superset, https://encoding.spec.whatwg.org/#names-and-labels
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932"}
_CODECS = {name: _SUPERSETS.get(codec, codec) for name, codec in _CODECS.items()}
_CODECS |= {"iso_8859_8_i": "iso8859_8", "windows_874": "cp874"}
_OTHER = re.compile(r"[^a-z0-9]+")


def codec_for(charset: str) -> str:
    """The codec that a charset's name means; that of UTF-8 for an unknown one."""
    return _CODECS.get(_OTHER.sub("_", charset.lower()), "utf-8")
