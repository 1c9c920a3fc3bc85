// A random password that can be read out: 4 groups of 5 letters and digits, about 98 bits.

const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"; // without what is mistaken for something else
const GROUPS = 4;
const GROUP = 5;

export function passphrase() {
  return Array.from({ length: GROUPS }, () => Array.from({ length: GROUP }, letter).join("")).join("-");
}

// Octets beyond the last whole multiple are drawn again, so that each letter is as likely.
function letter() {
  const whole = 256 - (256 % ALPHABET.length);
  for (;;) {
    const [octet] = crypto.getRandomValues(new Uint8Array(1));
    if (octet < whole) return ALPHABET[octet % ALPHABET.length];
  }
}
