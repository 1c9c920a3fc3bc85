"""What leaves is signed with the keys of its author's domain, and an independent verifier finds it so."""

import asyncio
from base64 import b64encode
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kit.delivering import MESSAGE, PREFIX, House
from kit.postfix import Postfix
from kit.rspamd import Rspamd
from kit.waiting import eventually
from mailstead.store.signing_keys import KeyState, SigningKeys
from mailstead.wire.dkim import Algorithm, key_record

POSTFIX = ("postfix MX 10 mx.postfix", "mx.postfix A 127.0.0.2")


async def give_keys(house: House) -> dict[bytes, bytes]:
    """An RSA and an Ed25519 key of own.test, active; the records to publish, by name."""
    rsa, ed25519 = await asyncio.to_thread(generate_private_key, 65537, 2048), Ed25519PrivateKey.generate()
    plain = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = {
        Algorithm.RSA_SHA256: rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        Algorithm.ED25519_SHA256: ed25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
    }
    keys, records = SigningKeys(house.database), {}
    for algorithm, private in ((Algorithm.RSA_SHA256, rsa), (Algorithm.ED25519_SHA256, ed25519)):
        selector, record = algorithm.key_type, key_record(algorithm, public[algorithm])
        await keys.create("own.test", selector, algorithm, private.private_bytes(*plain), record)
        await keys.change_state("own.test", selector, KeyState.ACTIVE)
        records[f"{selector}._domainkey.own.test.".encode()] = record.encode()
    return records


def verified(message: bytes, records: dict[bytes, bytes]) -> list[bool]:
    """Of each signature, in order."""
    checked = dkim.DKIM(message)
    count = sum(name.lower() == b"dkim-signature" for name, _ in checked.headers)
    return [_verifies(checked, n, records) for n in range(count)]


def _verifies(checked: dkim.DKIM, n: int, records: dict[bytes, bytes]) -> bool:
    try:
        return bool(checked.verify(n, dnsfunc=lambda name, timeout=5: records.get(name)))
    except dkim.ValidationError:
        return False


ATTACHED = b"".join(b64encode(bytes([n % 251]) * 57) + b"\r\n" for n in range(8_000))  # 600 KB: streamed


@pytest.mark.parametrize("message", [MESSAGE, MESSAGE + ATTACHED], ids=["small", "large"])
async def test_mail_that_leaves_verifies(house: House, postfix: Postfix, message: bytes) -> None:
    house.dns.records(*POSTFIX)
    records = await give_keys(house)
    async with house.delivering():
        queue_id = await house.send("ok@postfix.test", message=message)
        (state,) = (await house.settled(queue_id)).values()
    assert state.state == "delivered"
    await eventually(lambda: len(postfix.messages()) == 1)
    (filed,) = postfix.messages()
    arrived = filed.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    arrived = arrived[arrived.index(b"DKIM-Signature:") :]
    assert arrived.endswith(PREFIX + message)
    assert arrived.count(b"DKIM-Signature:") == 2
    assert await asyncio.to_thread(verified, arrived, records) == [True, True]
    assert await asyncio.to_thread(verified, arrived.replace(b"Hello", b"Hallo"), records) == [False, False]


async def test_rspamd_finds_both_signatures_good(house: House, postfix: Postfix, tmp_path: Path) -> None:
    """A verifier that shares no code with ours, and asks a real DNS server for the keys."""
    records = await give_keys(house)
    published = [f"{name.decode().removesuffix('.test.')} TXT {quoted(record)}" for name, record in records.items()]
    house.dns.records(*POSTFIX, *published)
    async with house.delivering():
        await house.settled(await house.send("ok@postfix.test"))
    await eventually(lambda: len(postfix.messages()) == 1)
    (filed,) = postfix.messages()
    arrived = filed[filed.index(b"DKIM-Signature:") :].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    verifier = Rspamd(tmp_path, house.dns.port)
    verifier.start()
    try:
        good = await asyncio.to_thread(verifier.symbols, arrived)
        bad = await asyncio.to_thread(verifier.symbols, arrived.replace(b"Hello", b"Hallo"))
    finally:
        verifier.stop()
    assert sorted(good["R_DKIM_ALLOW"]) == ["own.test:s=ed25519", "own.test:s=rsa"] and "R_DKIM_REJECT" not in good
    assert len(bad["R_DKIM_REJECT"]) == 2 and "R_DKIM_ALLOW" not in bad


def quoted(record: bytes) -> str:
    """As strings of a TXT record, which hold 255 octets at most."""
    return " ".join(f'"{record[n : n + 250].decode()}"' for n in range(0, len(record), 250))


async def test_a_domain_without_keys_signs_nothing(house: House, postfix: Postfix) -> None:
    house.dns.records(*POSTFIX)
    async with house.delivering():
        await house.settled(await house.send("ok@postfix.test"))
    await eventually(lambda: len(postfix.messages()) == 1)
    assert b"DKIM-Signature" not in postfix.messages()[0]
