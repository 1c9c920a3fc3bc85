"""A real rspamd (Debian's package) of one worker on a loopback port: a few rules of its own, no Redis, no network.

It tells in X-Told what it was told of the client: address, HELO, sender.
"""

import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kit.ports import free_port
from kit.waiting import eventually_now

RSPAMD = shutil.which("rspamd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
USER = "_rspamd"  # of the package; it runs as nobody else when root starts it

_CONFIGURATION = """
options {{
    pidfile = "{folder}/rspamd.pid";
    dns {{ nameserver = ["127.0.0.1:{dns}"]; timeout = 0.1s; retransmits = 1; }}
    filters = "{filters}";
    url_tld = "{folder}/tlds";
    disable_hyperscan = true;
    hs_cache_dir = "{folder}";
    control_socket = "{folder}/control.sock mode=0600";
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "warning"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
lua = "{folder}/rules.lua";
dkim {{ }}
"""

_RULES = """
local function subject_has(word)
  return function(task)
    return (task:get_subject() or ''):find(word) ~= nil
  end
end
rspamd_config.MUCH = { callback = subject_has('viagra'), score = 8.0 }
rspamd_config.TOO_MUCH = { callback = subject_has('replica'), score = 20.0 }
rspamd_config:register_symbol{
  name = 'TOLD',
  type = 'postfilter',
  callback = function(task)
    local from = task:get_from('smtp')
    local told = string.format('%s %s %s', tostring(task:get_ip()), task:get_helo() or '-', from and from[1].addr or '-')
    task:set_milter_reply({ add_headers = { ['X-Told'] = told, Subject = 'not ours to change' } })
  end
}
"""


class Rspamd:
    """Subjects with `viagra` score 8 (add header), with `replica` 20 (reject). With `dns_port` it verifies DKIM too."""

    def __init__(self, folder: Path, dns_port: int | None = None) -> None:
        if RSPAMD is None:
            pytest.skip("no spam filter: rspamd is not installed (Debian: apt-get install rspamd)")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._dns_port = dns_port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert RSPAMD
        configuration = self._folder / "rspamd.conf"
        (self._folder / "tlds").write_text("com\ntest\n")
        (self._folder / "rules.lua").write_text(_RULES)
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                port=self.port,
                dns=self._dns_port or free_port(),
                filters="dkim" if self._dns_port else "",
            )
        )
        command = [RSPAMD, "-f", "-c", str(configuration)]
        if os.geteuid() == 0:
            shutil.chown(self._folder, USER, USER)
            command += ["-u", USER, "-g", USER]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually_now(self._answers, what="rspamd answers")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=10)

    def symbols(self, message: bytes) -> dict[str, list[str]]:
        """What its rules found in a message, with their notes."""
        asked = urllib.request.Request(f"{self.url}/checkv2", message)
        with urllib.request.urlopen(asked, timeout=20) as answer:
            found = json.load(answer)["symbols"]
        return {name: symbol.get("options", []) for name, symbol in found.items()}

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


@pytest.fixture(scope="session")
def rspamd() -> Iterator[Rspamd]:
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="mailstead-rspamd-")))
        filter_ = Rspamd(folder)
        ending.callback(filter_.stop)
        filter_.start()
        yield filter_
