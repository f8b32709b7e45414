// Chromium asks its user before a page may reach a less public network than its own (Local Network
// Access). A WebSocket that this stops looks like any other that failed; only the permission's state
// says more: loopback-network or local-network, and local-network-access before Chromium 145.

const loopback = /^(localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/;
/** Private and link-local addresses, and names that no public resolver knows. */
const local = /^(10\.[\d.]+|192\.168\.[\d.]+|172\.(1[6-9]|2\d|3[01])\.[\d.]+|169\.254\.[\d.]+|\[f[cde][\da-f]*:.*\]|[^.:]+|.+\.(local|lan|internal|home\.arpa))$/;
const address = /^([\d.]+|\[.*\])$/;

/** Says whether a connection that could not be opened may have failed for want of that permission. */
export async function isLocalNetworkDenied({ hostname }: URL): Promise<boolean> {
  const { navigator, location, isSecureContext } = globalThis as unknown as Partial<Window>;
  const isLoopback = loopback.test(hostname);
  // Any name may lead to a local address. But without TLS the permission is denied to every page,
  // and says nothing about a public name.
  const mayBeLocal = isLoopback || local.test(hostname) || (isSecureContext === true && !address.test(hostname));
  if (navigator?.permissions === undefined || !mayBeLocal || hostname === location?.hostname) {
    return false; // a page may always reach the host that it came from
  }
  for (const name of [isLoopback ? "loopback-network" : "local-network", "local-network-access"]) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state === "denied";
    } catch {
      // This browser does not know the name.
    }
  }
  return false;
}
