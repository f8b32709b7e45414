/** How long TURN credentials are valid if nothing else is set: as long as a room lives without signaling. */
const defaultSeconds = 43_200;

/** How long TURN credentials are valid, s. */
export function ttlSeconds(env: Pick<Env, "TURN_TTL_SECONDS">): number {
  return Number(env.TURN_TTL_SECONDS || defaultSeconds);
}
