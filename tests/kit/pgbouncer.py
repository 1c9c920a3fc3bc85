"""A real PgBouncer (Debian's package `pgbouncer`) in transaction mode before a PostgreSQL that listens on a socket alone.

It speaks TLS to its clients and nothing else, as a database that is far away would.
"""

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailstead.ops.own_certificate import Certificates
from mailstead_local.folder import DataFolder
from mailstead_local.processes import Child, RunAs

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
PORT = 5432

_CONFIGURATION = """
[databases]
{database} = host={sockets} port={port}
[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
auth_type = scram-sha-256
auth_file = {folder}/users
client_tls_sslmode = require
client_tls_cert_file = {folder}/server.pem
client_tls_key_file = {folder}/server.key
ignore_startup_parameters = extra_float_digits
"""


@contextmanager
def pgbouncer(
    postgres: DataFolder, database: str, certificates: Certificates, address: str, users: dict[str, str]
) -> Iterator[None]:
    """Before the running cluster of `postgres`; `users`: role -> password, which it needs for both sides."""
    assert PGBOUNCER is not None
    folder = Path(tempfile.mkdtemp(prefix="mailstead-pgbouncer-"))
    try:
        configuration = _CONFIGURATION.format(
            database=database, sockets=postgres.socket_link.readlink(), port=PORT, address=address, folder=folder
        )
        (folder / "pgbouncer.ini").write_text(configuration)
        (folder / "users").write_text("".join(f'"{user}" "{password}"\n' for user, password in users.items()))
        shutil.copy(certificates.certificate, folder / "server.pem")
        shutil.copy(certificates.key, folder / "server.key")
        run_as = None
        if os.geteuid() == 0:  # it refuses to be root; whom PostgreSQL became can reach the socket
            owner = pwd.getpwnam(postgres.postgres.owner())
            run_as = RunAs(owner.pw_name, owner.pw_uid, owner.pw_gid)
            for path in (folder, *folder.iterdir()):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        child = Child("pgbouncer", [PGBOUNCER, str(folder / "pgbouncer.ini")], {}, postgres.logs / "pgbouncer.log", run_as)
        child.start()
        try:
            child.wait_until(lambda: _listens(address), 10)
            yield
        finally:
            child.kill()
    finally:
        shutil.rmtree(folder)


def _listens(address: str) -> bool:
    try:
        socket.create_connection((address, PORT), timeout=1).close()
    except OSError:
        return False
    return True
