// Who it is: address and password, and a one-time password once it turns out that one is wanted.

import { h, replace } from "../dom.js";
import { signIn } from "../session.js";
import { button } from "../parts/bits.js";
import { form } from "../parts/form.js";
import { mark } from "../parts/icons.js";

export function signInPage({ notice, done }) {
  const card = h("div", { class: "card" });
  const first = (values = {}) =>
    form({
      label: "Sign in",
      fields: [
        {
          name: "address",
          label: "Email address",
          type: "email",
          value: values.address,
          required: true,
          autocomplete: "username",
          autocapitalize: "none",
        },
        { name: "password", label: "Password", type: "password", required: true, autocomplete: "current-password" },
      ],
      submit: async ({ address, password }) => {
        try {
          await signIn(address.trim(), password);
          await done();
        } catch (error) {
          if (error.of?.("code")) return second(address.trim(), password);
          if (error.status === 401) error.message = "This is not the right address or password.";
          throw error;
        }
      },
    });
  const second = (address, password) => {
    const again = form({
      label: "Sign in",
      intro: h("p", {}, "Enter the code that your authenticator app shows for ", h("strong", {}, address), "."),
      fields: [
        {
          name: "code",
          label: "One-time password",
          inputmode: "numeric",
          pattern: "[0-9]{6}",
          maxlength: 6,
          required: true,
          autocomplete: "one-time-code",
          class: "code-input",
        },
      ],
      cancel: () => {
        replace(card, first({ address }));
        card.querySelector("input").focus();
      },
      submit: async ({ code }) => {
        await signIn(address, password, { code });
        await done();
      },
    });
    const other = button("Use a recovery code", () => recovering(address, password), { kind: "link" });
    replace(card, again, other);
    card.querySelector("input").focus();
  };
  const recovering = (address, password) => {
    const instead = form({
      label: "Sign in",
      intro: h("p", {}, "Enter one of the recovery codes of ", h("strong", {}, address), ". It is good once."),
      fields: [
        {
          name: "recovery_code",
          label: "Recovery code",
          required: true,
          maxlength: 100,
          autocomplete: "off",
          autocapitalize: "none",
          spellcheck: "false",
        },
      ],
      cancel: () => second(address, password),
      submit: async (proof) => {
        await signIn(address, password, proof);
        await done();
      },
    });
    replace(card, instead);
    card.querySelector("input").focus();
  };
  replace(card, first());
  return h(
    "main",
    { id: "content", class: "alone", tabindex: "-1" },
    h(
      "div",
      { class: "sign-in" },
      h("div", { class: "sign-in-head" }, mark(), h("h1", {}, "Sign in to Mailstead")),
      notice && h("p", { class: "notice", role: "status" }, notice),
      card,
      h("p", { class: "muted small" }, "App passwords are for mail programs. Here, use the password of the account."),
    ),
  );
}
