// What the account holds, the addresses that it writes as, and how to set up a mail program.

import { get } from "../../api.js";
import { h } from "../../dom.js";
import { bytes, count } from "../../format.js";
import { section, usage } from "../../parts/bits.js";
import { fetched } from "../../parts/states.js";
import { table } from "../../parts/table.js";

const MOST = 500;
const WHY = {
  address: "its own",
  alias: "an alias",
  "alias domain": "an alias of its domain",
  grant: "granted by an administrator",
};

export function summary({ path, account, signal }) {
  const mailboxes = fetched(
    () => get(`${path}/usage/mailboxes`, { limit: MOST }, signal),
    ({ items }) =>
      table(
        "Mailboxes",
        [
          { label: "Mailbox", main: true, cell: (mailbox) => mailbox.name },
          { label: "Messages", number: true, cell: (mailbox) => count(mailbox.message_count) },
          { label: "Unread", number: true, cell: (mailbox) => count(mailbox.unseen_count) },
          { label: "Size", number: true, cell: (mailbox) => bytes(mailbox.used_bytes) },
        ],
        items,
      ),
  );
  const addresses = fetched(
    () => get(`${path}/identities`, { limit: MOST }, signal),
    ({ items }) =>
      h(
        "ul",
        { class: "rows" },
        items.map((one) => h("li", {}, h("span", {}, one.address), h("span", { class: "muted small" }, WHY[one.source]))),
      ),
  );
  return h(
    "div",
    {},
    section(
      "Storage",
      { text: account.quota_bytes ? "Once it is full, mail for the account is turned away." : null },
      h("div", { class: "panel" }, usage(account.used_bytes, account.quota_bytes, { wide: true })),
    ),
    section("Mailboxes", {}, mailboxes),
    section("Addresses to write as", {}, addresses),
    section(
      "Mail programs",
      { text: "Most find the servers by themselves from the address. Give each an app password of its own." },
      h(
        "p",
        {},
        h(
          "a",
          { href: `/v1${path}/mobileconfig`, download: `${account.address}.mobileconfig` },
          "Profile for iPhone, iPad and Mac",
        ),
      ),
    ),
  );
}
