// What a token looks like: cf_<32 random base62 characters><6 of checksum>. A wrong checksum never reaches the database.
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_LENGTH = 32;
const CHECKSUM_LENGTH = 6;

/** `random` holds at least 64 bytes; bytes of 248 and above are passed over so that each character is equally likely. */
export function makeToken(random: Uint8Array): string {
  let secret = '';
  for (const byte of random) {
    if (byte < 248 && secret.length < SECRET_LENGTH) secret += ALPHABET[byte % 62];
  }
  if (secret.length < SECRET_LENGTH) throw new Error('makeToken: not enough random bytes');
  return `cf_${secret}${checksum(secret)}`;
}

/** `ours`: has our form, so its checksum must fit; `other`: a token the operator chose. */
export function judgeToken(token: string): 'ours' | 'other' | 'malformed' {
  if (!/^[\x21-\x7e]{1,512}$/.test(token)) return 'malformed';
  if (token.length !== 3 + SECRET_LENGTH + CHECKSUM_LENGTH || !/^cf_[0-9A-Za-z]+$/.test(token)) return 'other';
  const secret = token.slice(3, 3 + SECRET_LENGTH);
  return token.slice(3 + SECRET_LENGTH) === checksum(secret) ? 'ours' : 'malformed';
}

// CRC-32 in base62: enough to tell a mistyped token from a real one, no secret in itself.
function checksum(text: string): string {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  let rest = (crc ^ 0xffffffff) >>> 0;
  let out = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    out = ALPHABET[rest % 62] + out;
    rest = Math.floor(rest / 62);
  }
  return out;
}
