// Told by IMAP_HOST, IMAP_PORT, IMAP_USER, IMAP_PASSWORD and NODE_EXTRA_CA_CERTS: what a web mailer does of a morning, told as JSON.
const { ImapFlow } = require("imapflow");

async function main() {
  const client = new ImapFlow({
    host: process.env.IMAP_HOST,
    port: Number(process.env.IMAP_PORT),
    secure: true,
    auth: { user: process.env.IMAP_USER, pass: process.env.IMAP_PASSWORD },
    logger: false,
  });
  const told = {};
  await client.connect();
  told.folders = (await client.list()).map((folder) => [folder.path, folder.specialUse || ""]);
  await client.mailboxCreate("Projects/Grüße");
  const appended = await client.append("INBOX", "Subject: from imapflow\r\n\r\nhello\r\n", ["\\Flagged"]);
  told.appended = appended.uid;
  const lock = await client.getMailboxLock("INBOX");
  try {
    told.exists = client.mailbox.exists;
    const pushed = new Promise((resolve) => client.once("exists", resolve));
    const idle = client.idle();
    await require("fs").promises.writeFile(process.env.READY_FILE, "");
    told.pushed = (await pushed).count;
    await client.noop();
    await idle;
    told.subjects = [];
    for await (const message of client.fetch("1:*", { envelope: true, flags: true, bodyStructure: true, source: true })) {
      told.subjects.push([message.envelope.subject, [...message.flags], message.bodyStructure.type, message.source.length]);
    }
    told.found = await client.search({ subject: "imapflow" }, { uid: true });
    await client.messageFlagsAdd({ uid: appended.uid }, ["\\Seen"], { uid: true });
    const moved = await client.messageMove(String(appended.uid), "Projects/Grüße", { uid: true });
    told.moved = [...moved.uidMap.keys()];
  } finally {
    lock.release();
  }
  told.status = await client.status("Projects/Grüße", { messages: true, unseen: true });
  told.quota = await client.getQuota("INBOX");
  await client.logout();
  process.stdout.write(JSON.stringify(told));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
