// The keys that tokens are signed with. Only the key decides which algorithm a token must have:
// package server/auth has the same rules.

import { fromBase64url } from "./identity";

/** A key, and the one algorithm that it is for. */
export interface JwtKey {
  readonly id: string;
  readonly algorithm: "HS256" | "EdDSA" | "ES256" | "RS256";
  readonly key: CryptoKey;
}

const minSecretBytes = 32;
const minRsaBits = 2048;
const maxRsaBits = 8192;
const maxKeys = 64;

const imports = {
  EdDSA: { name: "Ed25519" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
} as const;

/** Verifies a signature with the key's own algorithm. */
export function verifies({ algorithm, key }: JwtKey, signature: Uint8Array<ArrayBuffer>, data: Uint8Array): Promise<boolean> {
  const how = algorithm === "HS256" ? "HMAC" : algorithm === "ES256" ? { name: "ECDSA", hash: "SHA-256" } : imports[algorithm].name;
  return crypto.subtle.verify(how, key, signature, data as Uint8Array<ArrayBuffer>);
}

/**
 * Reads PEM, a JWK, a set of them, or a secret. Throws an Error that says what is wrong, without
 * the key.
 */
export async function parseKeys(content: string): Promise<JwtKey[]> {
  const text = content.trim();
  if (text.startsWith("-----BEGIN ")) {
    return [await fromPem(text)];
  }
  if (text.startsWith("{")) {
    const { keys, skipped } = await parseSet(text);
    if (skipped[0] !== undefined) {
      throw new Error(skipped[0]);
    }
    return keys;
  }
  return [await fromSecret("", new TextEncoder().encode(text))];
}

/** Reads a JWK or a set of them. What cannot be used is skipped, with the reason. */
export async function parseSet(text: string): Promise<{ keys: JwtKey[]; skipped: string[] }> {
  let set: { keys?: unknown };
  try {
    set = JSON.parse(text) as { keys?: unknown };
  } catch {
    throw new Error("neither a JSON Web Key nor a set of them");
  }
  const all: unknown[] = Array.isArray(set.keys) ? (set.keys as unknown[]) : [set];
  if (all.length > maxKeys) {
    throw new Error(`a key set has at most ${maxKeys} keys`);
  }
  const keys: JwtKey[] = [];
  const skipped: string[] = [];
  for (const [i, jwk] of all.entries()) {
    try {
      keys.push(await fromJwk(jwk as JsonWebKey & { kid?: string }));
    } catch (error) {
      skipped.push(`key ${i + 1}: ${error instanceof Error ? error.message : "malformed"}`);
    }
  }
  return { keys, skipped };
}

async function fromJwk(jwk: JsonWebKey & { kid?: string }): Promise<JwtKey> {
  if (jwk.use !== undefined && jwk.use !== "sig") {
    throw new Error("it is for another use than signatures");
  }
  const id = jwk.kid ?? "";
  const algorithm = algorithmOf(jwk);
  if (algorithm === undefined || (jwk.alg !== undefined && jwk.alg !== algorithm)) {
    throw new Error("it is of a kind, or for an algorithm, that is none of HS256, EdDSA, ES256, RS256");
  }
  if (algorithm === "HS256") {
    return fromSecret(id, fromBase64url(jwk.k ?? ""));
  }
  const { kty, crv, x, y, n, e } = jwk;
  const own = { kty, ...(crv === undefined ? {} : { crv }), x, y, n, e } as JsonWebKey;
  // The public one, without what is undefined.
  const half = JSON.parse(JSON.stringify(own)) as JsonWebKey;
  return checked(id, algorithm, await crypto.subtle.importKey("jwk", half, imports[algorithm], false, ["verify"]));
}

function algorithmOf({ kty, crv }: JsonWebKey): JwtKey["algorithm"] | undefined {
  switch (kty) {
    case "oct":
      return "HS256";
    case "OKP":
      return crv === "Ed25519" ? "EdDSA" : undefined;
    case "EC":
      return crv === "P-256" ? "ES256" : undefined;
    case "RSA":
      return "RS256";
    default:
      return undefined;
  }
}

async function fromSecret(id: string, secret: Uint8Array): Promise<JwtKey> {
  if (secret.length < minSecretBytes) {
    throw new Error(`a secret for HS256 has at least ${minSecretBytes} bytes, and this one has ${secret.length}`);
  }
  return {
    id,
    algorithm: "HS256",
    key: await crypto.subtle.importKey("raw", secret as Uint8Array<ArrayBuffer>, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]),
  };
}

/**
 * What says in a public key (SPKI, RFC 5280) of which kind it is. workerd imports some keys as
 * others.
 */
const marks = {
  EdDSA: "\x2b\x65\x70",
  ES256: "\x2a\x86\x48\xce\x3d\x03\x01\x07",
  RS256: "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01",
} as const;
/** The mark is within so many bytes. */
const markedBytes = 32;

async function fromPem(text: string): Promise<JwtKey> {
  const body = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----$/.exec(text)?.[1];
  if (body === undefined) {
    throw new Error("PEM of another kind than one PUBLIC KEY");
  }
  const spki = fromBase64url(body.replace(/\s/g, "").replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_"));
  const head = String.fromCharCode(...spki.subarray(0, markedBytes));
  const algorithm = (["EdDSA", "ES256", "RS256"] as const).find((name) => head.includes(marks[name]));
  if (algorithm === undefined) {
    throw new Error("a PUBLIC KEY that is none of Ed25519, P-256 and RSA");
  }
  return checked("", algorithm, await crypto.subtle.importKey("spki", spki, imports[algorithm], false, ["verify"]));
}

function checked(id: string, algorithm: JwtKey["algorithm"], key: CryptoKey): JwtKey {
  const { modulusLength } = key.algorithm as { modulusLength?: number };
  if (modulusLength !== undefined && (modulusLength < minRsaBits || modulusLength > maxRsaBits)) {
    throw new Error(`an RSA key has ${minRsaBits} to ${maxRsaBits} bits, and this one has ${modulusLength}`);
  }
  return { id, algorithm, key };
}
