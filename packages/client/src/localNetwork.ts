// Chromium asks its user before a page may reach a less public network than its own (Local Network
// Access). A WebSocket that this stops looks like any other that failed; only the permission's
// state says more: loopback-network or local-network, and local-network-access before Chromium 145.

const loopback = /^(localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/;
/** Private and link-local addresses, and names that no public resolver knows. */
const local =
  /^(10\.[\d.]+|192\.168\.[\d.]+|172\.(1[6-9]|2\d|3[01])\.[\d.]+|169\.254\.[\d.]+|\[f[cde][\da-f]*:.*\]|[^.:]+|.+\.(local|lan|internal|home\.arpa))$/;
const address = /^([\d.]+|\[.*\])$/;

/**
 * Reports whether a connection that could not be opened may have failed because that permission is
 * missing.
 */
export async function isLocalNetworkDenied({ hostname, host }: URL): Promise<boolean> {
  const { navigator, location, isSecureContext } = globalThis as unknown as Partial<Window>;
  const isSecure = isSecureContext === true;
  const isLoopback = loopback.test(hostname);
  // Any name may lead to a local address. But without TLS the permission is denied to every page,
  // which says nothing about a public name, nor about the machine that the page itself came from.
  const mayBeLocal = isLoopback || local.test(hostname) || (isSecure && !address.test(hostname));
  const isOwn = isSecure ? host === location?.host : hostname === location?.hostname;
  if (navigator?.permissions === undefined || !mayBeLocal || isOwn) {
    return false;
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
