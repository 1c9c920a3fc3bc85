"""What each command does, one file for each verb, registered in the one table below.

A handler takes the session and the request, sends untagged data through the session, and returns the tagged reply; `None` when it
has answered itself. It may raise Refused and Bad. What changed in the mailbox is told by the caller, never by a handler.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from imap.commands.acl import delete_acl, get_acl, list_rights, my_rights, set_acl
from imap.commands.authenticate import authenticate
from imap.commands.capability import capability
from imap.commands.close import close, unselect
from imap.commands.compress import compress
from imap.commands.copy import copy
from imap.commands.create import create
from imap.commands.delete import delete
from imap.commands.enable import enable
from imap.commands.esearch import multi_search
from imap.commands.expunge import expunge
from imap.commands.fetch import fetch
from imap.commands.id import identify
from imap.commands.idle import idle
from imap.commands.list import list_
from imap.commands.login import login
from imap.commands.logout import logout
from imap.commands.lsub import lsub
from imap.commands.metadata import get_metadata, set_metadata
from imap.commands.move import move
from imap.commands.namespace import namespace
from imap.commands.noop import check, noop
from imap.commands.notify import notify
from imap.commands.quota import get_quota, get_quota_root
from imap.commands.rename import rename
from imap.commands.search import search
from imap.commands.select import select
from imap.commands.sort import sort
from imap.commands.starttls import starttls
from imap.commands.status import status
from imap.commands.store import store
from imap.commands.subscribe import subscribe, unsubscribe
from imap.commands.thread import thread
from imap.grammar import requests as ask
from imap.response import Reply
from imap.session import Session

Handler = Callable[[Session, Any], Awaitable[Reply | None]]

HANDLERS: dict[type[ask.Request], Handler] = {
    ask.Authenticate: authenticate,
    ask.Capability: capability,
    ask.Check: check,
    ask.Close: close,
    ask.Compress: compress,
    ask.Copy: copy,
    ask.Create: create,
    ask.Delete: delete,
    ask.DeleteAcl: delete_acl,
    ask.Enable: enable,
    ask.Expunge: expunge,
    ask.Fetch: fetch,
    ask.GetAcl: get_acl,
    ask.GetMetadata: get_metadata,
    ask.GetQuota: get_quota,
    ask.GetQuotaRoot: get_quota_root,
    ask.Id: identify,
    ask.Idle: idle,
    ask.List: list_,
    ask.ListRights: list_rights,
    ask.Login: login,
    ask.Logout: logout,
    ask.Lsub: lsub,
    ask.Move: move,
    ask.MultiSearch: multi_search,
    ask.MyRights: my_rights,
    ask.Namespace: namespace,
    ask.Noop: noop,
    ask.Notify: notify,
    ask.Rename: rename,
    ask.Search: search,
    ask.Select: select,
    ask.Sort: sort,
    ask.SetAcl: set_acl,
    ask.SetMetadata: set_metadata,
    ask.StartTls: starttls,
    ask.Status: status,
    ask.Store: store,
    ask.Subscribe: subscribe,
    ask.Thread: thread,
    ask.Unselect: unselect,
    ask.Unsubscribe: unsubscribe,
}
"""APPEND and REPLACE are not among them: their messages come in pieces, see `append.py`."""
