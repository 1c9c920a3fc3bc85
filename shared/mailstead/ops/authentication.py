"""Who logs in: one shell around the SASL mechanisms for every protocol, with locks, app passwords and what is remembered.

    attempt = await authenticator.begin(mechanism, initial, peer)     # `initial`: decode_response(...) of the argument, or None
    while isinstance(attempt.outcome, Challenge):
        …                                                            # send it, read a line
        await attempt.step(decode_response(line))
    attempt.outcome                                                  # an AuthenticatedAccount

Whatever fails raises Refused. A log-in that succeeds costs one statement, which also says whether it is locked.
"""

import hmac
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Literal, Protocol

from prometheus_client import CollectorRegistry, Counter

from mailstead.bus import Bus
from mailstead.model.failure import Failure, Refused
from mailstead.ops.connection import Connection
from mailstead.ops.lifecycle import Runtime
from mailstead.ops.live_sessions import LiveSessions
from mailstead.ops.logging import get_logger
from mailstead.ops.login_book import LoginBook
from mailstead.ops.oidc import issued_tokens
from mailstead.ops.settings import LoginSettings
from mailstead.store.app_passwords import app_password_hash
from mailstead.store.engine import Database
from mailstead.store.logins import Found, LockRules, LoginAccount, Logins, Subjects, UsedAppPassword
from mailstead.store.passwords import MAX_USER, AuthenticatedAccount, Passwords
from mailstead.wire.sasl import (
    OAUTH_MECHANISMS,
    PASSWORD_MECHANISMS,
    SCRAM_MECHANISMS,
    Challenge,
    Credentials,
    Disproved,
    Exchange,
    Invalid,
    KeysWanted,
    OAuthBearer,
    Proved,
    ScramKeys,
    ScramSha256,
    Terms,
    Token,
    UnknownMechanism,
    XOAuth2,
    decode_response,
    encode_challenge,
    start,
)
from mailstead.wire.sasl.scram import ITERATIONS, SALT_OCTETS

IPV6_PREFIX = 64  # one customer's
COMMAND = "command"  # the mechanism, in metrics, of LOGIN, and of USER and PASS

Scope = Literal["imap", "pop3", "smtp", "sieve", "api"]
"""What is logged in to; an app password is for some of them, never for the API."""

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a challenge, in base64, and returns the line that answers it, without its CRLF."""

log = get_logger()


class Tokens(Protocol):
    """Who bears a token. `error` is what a client hears of one that is refused, as JSON (RFC 7628 §3.2.2)."""

    error: bytes

    async def account(self, token: str) -> str:
        """The address of the account that the token is for. Raises Refused: BAD_CREDENTIALS, UNAVAILABLE."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, as far as it matters who logs in, and what to. `binding`: `Connection.channel_binding`."""

    host: str
    binding: bytes | None
    scope: Scope

    @classmethod
    def of(cls, connection: Connection, scope: Scope) -> "Peer":
        return cls(connection.peer_host, connection.channel_binding, scope)


class Authenticator:
    """One for all listeners of a process."""

    def __init__(
        self,
        database: Database,
        settings: LoginSettings,
        registry: CollectorRegistry,
        tokens: Tokens | None = None,
        bus: Bus | None = None,
        replica: str = "",
    ) -> None:
        self._settings = settings
        self._logins = Logins(database, _rules(settings))
        self._passwords = Passwords(max_parallel=settings.password_checks, proved_seconds=settings.login_remembered_seconds)
        self._tokens = tokens
        self.live = LiveSessions(self._logins, bus, settings.login_recheck_seconds, replica)
        self.book = LoginBook(self._logins)
        self._key: bytes | None = None
        self._attempts = Counter(
            "mailstead_authentications",
            "Attempts to log in, by mechanism, or command, and outcome: accepted, or the failure",
            ["mechanism", "outcome"],
            registry=registry,
        )

    def close(self) -> None:
        self._passwords.close()

    def mechanisms(self, binding: bytes | None) -> tuple[str, ...]:
        """What may be used on a connection that may be logged in on, with this channel binding; the strongest first."""
        scram = SCRAM_MECHANISMS if self._settings.scram else ()
        offered = scram if binding is not None else tuple(name for name in scram if not name.endswith("-PLUS"))
        return (*offered, *PASSWORD_MECHANISMS, *(OAUTH_MECHANISMS if self._tokens else ()))

    async def begin(self, mechanism: str, initial: bytes | None, peer: Peer) -> "Attempt":
        """Raises UnknownMechanism for what is not offered, and Refused as `Attempt.step`."""
        name = mechanism.upper()
        if name not in self.mechanisms(peer.binding):
            raise UnknownMechanism(mechanism)
        binding = peer.binding if self._settings.scram else None
        attempt = Attempt(self, name, start(name, initial, Terms(binding, secrets.token_urlsafe(18))), peer)
        await attempt.settle()
        return attempt

    async def authenticate(self, mechanism: str, initial: bytes | None, peer: Peer, ask: Ask) -> AuthenticatedAccount:
        """A whole exchange; `initial` is the argument as it came, in base64. Raises what `begin` and `decode_response` raise."""
        attempt = await self.begin(mechanism, None if initial is None else decode_response(initial), peer)
        while isinstance(outcome := attempt.outcome, Challenge):
            await attempt.step(decode_response(await ask(encode_challenge(outcome))))
        return outcome

    async def log_in(self, user: str, password: str, peer: Peer) -> AuthenticatedAccount:
        """By a command of the protocol itself. Raises Refused as `Attempt.step`."""
        return await self.counted(COMMAND, peer, self.verify(Credentials("", user, password), peer))

    async def counted(self, mechanism: str, peer: Peer, work: Awaitable[AuthenticatedAccount]) -> AuthenticatedAccount:
        """Do `work`, which ends an attempt, and count how it ended."""
        try:
            account = await work
        except Refused as refused:
            self._attempts.labels(mechanism.lower(), refused.failure.name.lower()).inc()
            raise
        self._attempts.labels(mechanism.lower(), "accepted").inc()
        self.book.note(account.account_id, peer.scope, peer.host)
        return account

    # ---- by password

    async def verify(self, credentials: Credentials, peer: Peer) -> AuthenticatedAccount:
        """Raises Refused as `Attempt.step`."""
        user, password = credentials.user, credentials.password
        if credentials.impersonates:
            raise Refused(Failure.BAD_CREDENTIALS, f"{user} asked to act as {credentials.authorization_id}")
        mark = self._passwords.mark(user, password)
        subjects = self._subjects(user, peer)
        found = await self._logins.find(subjects, app_password_hash(await self._secret(), password))
        if found.account and found.app_password:
            return await self._by_app_password(found.account, found.app_password, peer.scope)
        version = found.account.password_version if found.account else 0
        proved = found.account is not None and self._passwords.is_proved(mark, version)
        # Who logged in not long ago is not locked out by strangers; on its own address a guess must not find what is proved.
        _refuse_locked(subjects, found.locked - {"account"} if proved else found.locked)
        if not proved and not await self._matches(mark, password, found, subjects):
            raise Refused(Failure.BAD_CREDENTIALS, f"wrong password or no such account: {user!r}")
        assert found.account is not None
        if found.pending:
            await self._logins.succeeded(subjects)
        return _active(found.account, _account(found.account, password_version=version))

    async def _matches(self, mark: bytes, password: str, found: Found, subjects: Subjects) -> bool:
        """Compare, and count a guess. What was found wrong before is no new guess, and takes no second computation."""
        account = found.account
        version = account.password_version if account else 0
        if self._passwords.is_refuted(mark, version):
            return False
        if await self._passwords.matches(mark, password, account.password_hash if account else None, version):
            return True
        await self._logins.failed(subjects)
        return False

    async def _by_app_password(self, account: LoginAccount, used: UsedAppPassword, scope: Scope) -> AuthenticatedAccount:
        """It is random, so nobody guesses it, and no lock is in its way."""
        if scope not in used.scopes:
            raise Refused(Failure.BAD_CREDENTIALS, f"app password {used.app_password_id} is not for {scope}")
        identity = _account(account, app_password_id=used.app_password_id)
        authenticated = _active(account, identity)
        if used.use_is_news:
            await self._logins.used(account.account_id, used.app_password_id)
        return authenticated

    # ---- by keys and tokens

    async def guessed(self, user: str, peer: Peer) -> None:
        """Count a guess at what is asked for beside the password."""
        await self._logins.failed(self._subjects(user, peer))

    async def keys_of(self, user: str, peer: Peer) -> tuple[Found, ScramKeys]:
        """The SCRAM keys of an account, or made up ones, the same each time, so that nothing is told. Raises Refused."""
        subjects = self._subjects(user, peer)
        found = await self._logins.find(subjects)
        _refuse_locked(subjects, found.locked)
        if found.scram_keys:
            return found, found.scram_keys
        salt = hmac.digest(await self._secret(), f"salt\0{user.lower()}".encode(), "sha256")[:SALT_OCTETS]
        return found, ScramKeys(salt, ITERATIONS, secrets.token_bytes(32), secrets.token_bytes(32))

    async def proved(self, user: str, found: Found, peer: Peer) -> AuthenticatedAccount:
        """The client knows the password behind the keys that were found."""
        assert found.account is not None
        if found.pending:
            await self._logins.succeeded(self._subjects(user, peer))
        identity = _account(found.account, password_version=found.account.password_version)
        return _active(found.account, identity)

    async def disproved(self, user: str, peer: Peer) -> AuthenticatedAccount:
        """It does not: a guess."""
        await self._logins.failed(self._subjects(user, peer))
        raise Refused(Failure.BAD_CREDENTIALS, f"wrong password or no keys: {user!r}")

    async def bearer(self, token: Token, peer: Peer) -> AuthenticatedAccount:
        """Raises Refused: BAD_CREDENTIALS for a token that is not good, or not for whom the client asks to be."""
        assert self._tokens is not None
        address = await self._tokens.account(token.token)
        if token.user and token.user.lower() != address.lower():
            raise Refused(Failure.BAD_CREDENTIALS, f"token of {address!r} used for {token.user!r}")
        found = await self._logins.find(self._subjects(address, peer))
        if found.account is None:
            raise Refused(Failure.BAD_CREDENTIALS, f"token for no account: {address!r}")
        return _active(found.account, _account(found.account))

    @property
    def token_error(self) -> bytes:
        assert self._tokens is not None
        return self._tokens.error

    # ----

    def _subjects(self, user: str, peer: Peer) -> Subjects:
        if len(user) > MAX_USER or "\0" in user:
            raise Refused(Failure.BAD_CREDENTIALS, "no user name")
        return Subjects(user, network_of(peer.host), self._settings.shares_address(peer.host))

    async def _secret(self) -> bytes:
        """Read once: it never changes."""
        if self._key is None:
            self._key = await self._logins.key()
        return self._key


@asynccontextmanager
async def service_authenticator(
    settings: LoginSettings, runtime: Runtime, database: Database, bus: Bus
) -> AsyncIterator[Authenticator]:
    """A service's own: with tokens where an issuer is set, and looking after the sessions that were let in."""
    async with issued_tokens(settings) as tokens:
        authenticator = Authenticator(database, settings, runtime.registry, tokens, bus, runtime.replica)
        try:
            async with (
                runtime.running(authenticator.live.run(), "live-sessions"),
                runtime.running(authenticator.book.run(), "login-book"),
            ):
                yield authenticator
            await authenticator.book.flush()
        finally:
            authenticator.close()


class Attempt:
    """One exchange under way. `outcome` is a Challenge to be sent, or at last whose account it is."""

    __slots__ = ("_authenticator", "_exchange", "_found", "_mechanism", "_peer", "_refused", "outcome")

    def __init__(self, authenticator: Authenticator, mechanism: str, exchange: Exchange, peer: Peer) -> None:
        self._authenticator = authenticator
        self._mechanism = mechanism
        self._exchange = exchange
        self._peer = peer
        self._found: Found | None = None
        self._refused: Refused | None = None
        self.outcome: Challenge | AuthenticatedAccount

    async def step(self, response: bytes) -> None:
        """Take the decoded answer to the last challenge.

        Raises Refused: BAD_CREDENTIALS (also for an unknown user), LOCKED_OUT, ACCOUNT_DISABLED, BUSY, UNAVAILABLE.
        """
        self._exchange.step(response)
        await self.settle()

    async def settle(self) -> None:
        """Give the exchange what it wants until it waits for the client, or is over. Raises Refused as `step`."""
        authenticator, exchange, peer = self._authenticator, self._exchange, self._peer
        match exchange.outcome:
            case Challenge() as challenge:
                self.outcome = challenge
            case KeysWanted(user):
                assert isinstance(exchange, ScramSha256)
                try:
                    self._found, keys = await authenticator.keys_of(user, peer)
                except Refused as refused:
                    await self._end(_raise(refused))
                exchange.supply(keys)
                await self.settle()
            case Token() as token:
                await self._bear(token)
            case Credentials() as credentials:
                await self._end(authenticator.verify(credentials, peer))
            case Proved(user):
                assert self._found is not None
                await self._end(authenticator.proved(user, self._found, peer))
            case Disproved(user):
                await self._end(authenticator.disproved(user, peer))
            case Invalid(reason):
                await self._end(_raise(self._refused or Refused(Failure.BAD_CREDENTIALS, reason)))

    async def _bear(self, token: Token) -> None:
        """A token that is not good is refused once its client has heard why (RFC 7628 §3.2.3)."""
        try:
            account = await self._authenticator.bearer(token, self._peer)
        except Refused as refused:
            if refused.failure is not Failure.BAD_CREDENTIALS:
                await self._end(_raise(refused))
            assert isinstance(self._exchange, OAuthBearer | XOAuth2)
            self._refused = refused
            self._exchange.refuse(self._authenticator.token_error)
            await self.settle()
        else:
            await self._end(known(account))

    async def _end(self, work: Awaitable[AuthenticatedAccount]) -> None:
        self.outcome = await self._authenticator.counted(self._mechanism, self._peer, work)


def network_of(host: str) -> str:
    """The address for which failures count: of IPv6, the network that one customer has."""
    address = ip_address(host)
    return str(ip_network((address, IPV6_PREFIX), strict=False)) if isinstance(address, IPv6Address) else host


def _rules(settings: LoginSettings) -> LockRules:
    return LockRules(
        settings.login_lock_pair,
        settings.login_lock_address,
        settings.login_lock_account,
        timedelta(seconds=settings.login_lock_first_seconds),
        timedelta(seconds=settings.login_lock_longest_seconds),
        timedelta(hours=settings.login_forget_hours),
    )


def _account(
    account: LoginAccount, *, password_version: int | None = None, app_password_id: int | None = None
) -> AuthenticatedAccount:
    return AuthenticatedAccount(
        account.account_id, account.tenant_id, account.address, password_version, app_password_id, account.session_epoch
    )


def _active(account: LoginAccount, authenticated: AuthenticatedAccount) -> AuthenticatedAccount:
    """Told only to who has proved to be the owner."""
    if not account.active:
        raise Refused(Failure.ACCOUNT_DISABLED, f"account {account.address} is disabled")
    return authenticated


def _refuse_locked(subjects: Subjects, locked: frozenset[str]) -> None:
    if locked:
        raise Refused(Failure.LOCKED_OUT, f"{subjects.user!r} from {subjects.network}: locked by {', '.join(sorted(locked))}")


async def _raise(refused: Refused) -> AuthenticatedAccount:
    raise refused


async def known(account: AuthenticatedAccount) -> AuthenticatedAccount:
    """Who it is, where a proof is awaited."""
    return account
