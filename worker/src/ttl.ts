const minSeconds = 300;
const maxSeconds = 86_400;
/**
 * How long TURN credentials are valid if nothing else is set: as long as a room lives without
 * signaling.
 */
const defaultSeconds = 43_200;

/** Reports whether TURN credentials may be valid for so long. */
export function isTtl(seconds: number): boolean {
  return seconds >= minSeconds && seconds <= maxSeconds;
}

/** How long TURN credentials are valid, s. A setting that is out of bounds counts as none. */
export function ttlSeconds(env: Pick<Env, "TURN_TTL_SECONDS">): number {
  const seconds = Math.floor(Number(env.TURN_TTL_SECONDS));
  return isTtl(seconds) ? seconds : defaultSeconds;
}
