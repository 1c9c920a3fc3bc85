// One-time passwords (TOTP): on once the program has shown that it has the secret.

import { remove, get, put } from "../../api.js";
import { h } from "../../dom.js";
import { plural } from "../../format.js";
import { badge, button, copyButton, section } from "../../parts/bits.js";
import { ask, dialog } from "../../parts/dialog.js";
import { qrCode } from "../../parts/qr.js";
import { fetched } from "../../parts/states.js";
import { toast } from "../../parts/toast.js";

export function oneTimePasswords(path, own, signal) {
  const place = `${path}/totp`;
  const shown = fetched(
    () => get(place, {}, signal),
    ({ enabled, recovery_codes_left: left }, refresh) => {
      const change = enabled
        ? button("Switch off …", () => switchOff(place, refresh))
        : own && button("Set up …", () => setUp(place, refresh), { kind: "primary" });
      return h(
        "div",
        { class: "line" },
        enabled ? badge("ok", "On") : badge("idle", "Off"),
        enabled && h("span", { class: "muted" }, `${plural(left, "recovery code")} left`),
        enabled && own && button("New recovery codes …", () => renew(place, refresh)),
        change,
      );
    },
  );
  return section(
    "One-time passwords",
    { text: "A code from an authenticator app, besides the password, to sign in to this console." },
    shown,
  );
}

async function setUp(place, refresh) {
  const { secret, uri } = await put(place);
  const done = await ask("Set up one-time passwords", {
    intro: h(
      "div",
      { class: "totp" },
      h("p", {}, "Scan this with an authenticator app, then enter the code that it shows."),
      qrCode(uri, "Secret of the one-time passwords"),
      h(
        "details",
        {},
        h("summary", {}, "Or type the secret"),
        h("p", { class: "secret" }, h("code", {}, secret.match(/.{1,4}/g).join(" ")), copyButton(secret, "the secret")),
      ),
    ),
    fields: [
      {
        name: "code",
        label: "Code",
        inputmode: "numeric",
        pattern: "[0-9]{6}",
        maxlength: 6,
        required: true,
        autocomplete: "one-time-code",
        class: "code-input",
      },
    ],
    label: "Switch on",
    submit: ({ code }) => put(`${place}/confirmation`, { code }),
  });
  if (!done) return;
  await showRecoveryCodes(place);
  toast("One-time passwords are on.");
  await refresh();
}

async function renew(place, refresh) {
  const done = await ask("Make new recovery codes?", {
    intro: "Those that you have are good no more.",
    fields: [],
    label: "Make new codes",
    submit: () => true,
  });
  if (!done) return;
  await showRecoveryCodes(place);
  await refresh();
}

// They are kept by nobody but who sees them now.
async function showRecoveryCodes(place) {
  const { codes } = await put(`${place}/recovery-codes`);
  await dialog("Recovery codes", (close) =>
    h(
      "div",
      { class: "totp" },
      h("p", {}, "Keep them safe: each signs you in once when your authenticator app is lost. They are not shown again."),
      h("pre", { tabindex: "0" }, codes.join("\n")),
      h(
        "div",
        { class: "actions" },
        copyButton(codes.join("\n"), "the recovery codes"),
        button("I have kept them", () => close(true), { kind: "primary" }),
      ),
    ),
  );
}

async function switchOff(place, refresh) {
  const done = await ask("Switch off one-time passwords?", {
    intro: "The password alone will then do to sign in.",
    fields: [],
    label: "Switch off",
    danger: true,
    submit: () => remove(place),
  });
  if (!done) return;
  toast("One-time passwords are off.");
  await refresh();
}
