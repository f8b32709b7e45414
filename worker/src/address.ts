/**
 * The network address of a request, an IPv6 one by its /64, because one subscriber has all of that.
 * Cloudflare sets the header; no client can.
 */
export function addressOf(request: Request): string {
  const address = request.headers.get("CF-Connecting-IP") ?? "";
  return address.includes(":") ? network(address) : address;
}

/** The first four groups of an IPv6 address, all written out (RFC 4291, section 2.2). */
function network(address: string): string {
  const [head = "", tail] = address.toLowerCase().split("::", 2);
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    groups.push(...Array<string>(Math.max(0, 8 - groups.length - after.length)).fill("0"), ...after);
  }
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}

/** 64 bits of a keyed hash: equal for equal addresses, and no use without the key. */
export async function hashOf(address: string, key: string): Promise<Uint8Array> {
  const encoder = new TextEncoder();
  const imported = await crypto.subtle.importKey("raw", encoder.encode(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(address)), 0, 8);
}
