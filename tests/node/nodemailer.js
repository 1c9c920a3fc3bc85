// Told by SMTP_HOST, SMTP_PORT, SMTP_SECURE, SMTP_USER, SMTP_PASSWORD and NODE_EXTRA_CA_CERTS: mails itself, with an attachment.
const nodemailer = require("nodemailer");

async function main() {
  const { SMTP_HOST, SMTP_PORT, SMTP_SECURE, SMTP_USER, SMTP_PASSWORD } = process.env;
  const transport = nodemailer.createTransport({
    host: SMTP_HOST,
    port: Number(SMTP_PORT),
    secure: SMTP_SECURE === "yes",
    requireTLS: true,
    pool: true,
    auth: { user: SMTP_USER, pass: SMTP_PASSWORD },
  });
  const replies = [];
  for (let number = 0; number < 3; number += 1) {
    const sent = await transport.sendMail({
      from: SMTP_USER,
      to: SMTP_USER,
      subject: `Grüße ${number}`,
      text: "Hällo",
      html: "<p>Hällo</p>",
      attachments: [{ filename: "räume.bin", content: Buffer.alloc(200000, number) }],
      dsn: { id: `id-${number}`, return: "headers", notify: ["failure"], recipient: SMTP_USER },
    });
    replies.push(sent.response);
  }
  transport.close();
  process.stdout.write(JSON.stringify(replies));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
