// What lets somebody in, and who is in: password, one-time passwords, app passwords, sessions.

import { remove, get, put } from "../../api.js";
import { h } from "../../dom.js";
import { time } from "../../format.js";
import { doing, section } from "../../parts/bits.js";
import { form } from "../../parts/form.js";
import { empty, fetched } from "../../parts/states.js";
import { table } from "../../parts/table.js";
import { toast } from "../../parts/toast.js";
import { askAgain } from "../../session.js";
import { appPasswords } from "./app_passwords.js";
import { oneTimePasswords } from "./one_time.js";

const PROTOCOLS = { imap: "IMAP", pop3: "POP3", smtp: "Sending", sieve: "Filters", api: "This console" };

export function security({ path, account, own, signal }) {
  return h(
    "div",
    {},
    own ? password(path, account) : null,
    oneTimePasswords(path, own, signal),
    appPasswords(path, signal),
    sessions(path, own, signal),
    lastLogins(path, signal),
  );
}

function password(path, account) {
  return section(
    "Password",
    { text: "Changing it signs you out here and in every program that uses it. App passwords stay good." },
    form({
      fields: [
        { name: "username", label: "Account", type: "hidden", value: account.address, autocomplete: "username" },
        {
          name: "current_password",
          label: "Current password",
          type: "password",
          required: true,
          autocomplete: "current-password",
        },
        {
          name: "password",
          label: "New password",
          type: "password",
          required: true,
          minlength: 8,
          autocomplete: "new-password",
          hint: "At least 8 characters that are hard to guess.",
        },
      ],
      label: "Change password",
      submit: async ({ current_password: current, password: wanted }) => {
        await put(`${path}/password`, { current_password: current, password: wanted });
        askAgain("Your password is changed. Sign in with the new one.");
      },
    }),
  );
}

function sessions(path, own, signal) {
  const shown = fetched(
    () => get(`${path}/sessions`, {}, signal),
    ({ items }) =>
      items.length
        ? table(
            "Sessions",
            [
              { label: "Program", main: true, cell: (session) => PROTOCOLS[session.protocol] },
              { label: "From", cell: (session) => h("code", {}, session.peer) },
              { label: "By", cell: (session) => session.by },
              { label: "Since", cell: (session) => time(session.since) },
            ],
            items,
          )
        : empty("No mail program is connected", "Connections show here while they are open."),
  );
  const end = doing("End all sessions", async () => {
    await remove(`${path}/sessions`);
    if (own) return askAgain("All sessions are ended, this one too.");
    toast("All sessions are ended.");
    await shown.refresh();
  });
  return section(
    "Sessions",
    {
      text: own ? "Ending them signs you out of this console too." : "Ending them signs its owner out everywhere.",
      actions: [doing("Look again", shown.refresh), end],
    },
    shown,
  );
}

function lastLogins(path, signal) {
  return section(
    "Last log-ins",
    {},
    fetched(
      () => get(`${path}/last-logins`, {}, signal),
      ({ items }) =>
        items.length
          ? table(
              "Last log-ins",
              [
                { label: "Program", main: true, cell: (login) => PROTOCOLS[login.protocol] },
                { label: "From", cell: (login) => h("code", {}, login.peer) },
                { label: "When", cell: (login) => time(login.at) },
              ],
              items,
            )
          : empty("Nobody has logged in yet"),
    ),
  );
}
