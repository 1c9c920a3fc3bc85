// Submits one message and prints what nodemailer heard, as JSON. Argument: JSON with port, ca, user, password, to, size, tls.
const fs = require("node:fs");
const nodemailer = require(process.env.NODEMAILER);
const asked = JSON.parse(process.argv[2]);
const transport = nodemailer.createTransport({
  host: "localhost",
  port: asked.port,
  secure: asked.tls,
  requireTLS: true,
  tls: { ca: fs.readFileSync(asked.ca) },
  auth: { user: asked.user, pass: asked.password, method: asked.method },
  pool: true,
  maxConnections: 2,
});
const message = {
  from: { name: "Jürgen, im Büro", address: asked.user },
  to: asked.to,
  bcc: asked.bcc,
  subject: "Grüße von nodemailer",
  text: ".ein Punkt am Anfang\n".repeat(asked.size),
  attachments: [{ filename: "ä.bin", content: Buffer.alloc(asked.size, 7) }],
};
Promise.all(Array.from({ length: asked.messages }, () => transport.sendMail(message)))
  .then((told) => console.log(JSON.stringify(told.map(({ accepted, rejected, response }) => ({ accepted, rejected, response })))))
  .catch((error) => console.log(JSON.stringify({ code: error.code, responseCode: error.responseCode })))
  .finally(() => transport.close());
