/**
 * Claims: what an access token says, unverified, because the server is the one who decides. Pure. It may not
 * know what a claim brings about.
 */

/**
 * @param {string} token
 * @returns {any} An empty object for what can't be read.
 */
export function claimsOf(token) {
  try {
    return JSON.parse(bytesOf(token.split('.')[1] ?? '')) ?? {};
  } catch {
    return {};
  }
}

/**
 * The thumbprint of the key that the token is bound to.
 * @param {string} token
 * @returns {string | null}
 */
export function keyOf(token) {
  const jkt = claimsOf(token).cnf?.jkt;
  return typeof jkt === 'string' ? jkt : null;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Base64url; `atob` is missing in some React Native engines. One character a byte is enough for what is read.
 * @param {string} text
 */
function bytesOf(text) {
  let bits = 0;
  let held = 0;
  let bytes = '';
  for (const digit of text) {
    held = ((held << 6) | DIGITS.indexOf(digit)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += String.fromCharCode((held >> bits) & 0xff);
    }
  }
  return bytes;
}
