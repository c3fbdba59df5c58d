// The secret of one project: read from a file the user chooses, kept in memory only, as keys that no script can read out.

const KEY_FORMAT = "mse-key 2";
const SHARE_FORMAT = "mse-key-share 1";
const KEY_ENTRIES = ["fingerprint", "format", "key", "made_by", "project", "seal"];
const KEY_BYTES = 32;
const FEWEST_VALUES = 16;
const LARGEST_KEY_FILE = 4096;
const PROJECT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The key in the content of a key file; no message repeats any of it. */
async function keyOf(content) {
  if (content.length > LARGEST_KEY_FILE) throw new BadInput("not_a_key_file");
  let entries;
  try {
    entries = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    throw new BadInput("not_a_key_file");
  }
  if (isTable(entries) && entries.format === SHARE_FORMAT) throw new BadInput("key_is_share");
  if (!isTable(entries) || entries.format !== KEY_FORMAT || Object.keys(entries).sort().join() !== KEY_ENTRIES.join()) {
    throw new BadInput("not_a_key_file");
  }
  const { key: text, project } = entries;
  if (typeof text !== "string" || !/^([0-9a-f]{2})*$/.test(text)) throw new BadInput("key_not_hex");
  if (typeof project !== "string" || !PROJECT_NAME.test(project)) throw new BadInput("key_without_project");
  const secret = Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const weakness = weaknessOf(secret);
  if (weakness) throw new BadInput(...weakness);
  const key = await newKey(project, secret);
  secret.fill(0);
  if (key.fingerprint !== entries.fingerprint) throw new BadInput("key_changed");
  if (key.seal !== entries.seal) throw new BadInput("key_of_other_project", { project });
  return key;
}

/** A key from its bytes. */
async function newKey(project, secret) {
  const signing = await hmacKey(secret);
  return {
    project,
    fingerprint: toHex(await hmac(signing, toUtf8("fp"))),
    seal: toHex(await hmac(signing, toUtf8(`project|${project}`))),
    derivation: await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]),
  };
}

/** An HMAC key for one purpose and one column, by HKDF-SHA-256, which only signs. */
async function subkey(key, purpose, name) {
  const info = toUtf8([key.project, name, purpose, PAGE.rules.version].join("|"));
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info };
  const bits = new Uint8Array(await crypto.subtle.deriveBits(how, key.derivation, 8 * KEY_BYTES));
  const derived = await hmacKey(bits);
  bits.fill(0);
  return derived;
}

function hmacKey(bytes) {
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

async function hmac(key, bytes) {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes));
}

/** SHA-256 of the parts, each preceded by its length in 8 bytes. */
async function sha256(...texts) {
  const parts = texts.map(toUtf8).flatMap((bytes) => {
    const length = new DataView(new ArrayBuffer(8));
    length.setBigUint64(0, BigInt(bytes.length));
    return [length, bytes];
  });
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer())));
}

/** Why the bytes are not a random key, or null. */
function weaknessOf(secret) {
  const nValues = new Set(secret).size;
  if (secret.length !== KEY_BYTES) return ["key_length", { found: secret.length, needed: KEY_BYTES }];
  if (nValues === 1) return ["key_one_byte"];
  if (secret.every((byte) => byte >= 0x20 && byte < 0x7f)) return ["key_is_passphrase"];
  return nValues < FEWEST_VALUES ? ["key_few_values", { found: nValues }] : null;
}
