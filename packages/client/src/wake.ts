const tickMs = 3_000;
/**
 * How far the wall clock may be from where a tick expects it, ms. A hidden page's timers may come
 * once a minute, which costs a PING.
 */
const jumpMs = 3_000;
/** How far the two clocks may go apart in that time, ms. */
const apartMs = 1_000;

/**
 * Calls woken when this page, its network or the whole machine may have been away, until the
 * returned function is called: a connection that looks open may be dead then. isClockLost: the wall
 * clock and the monotonic one have gone apart, as in a sleep, so what was derived from them is
 * wrong.
 */
export function onWake(woken: (isClockLost: boolean) => void): () => void {
  const end = new AbortController();
  const { signal } = end;
  const page = globalThis as unknown as Partial<Window>;
  const { document } = page;
  const returned = (): void => woken(false);
  page.addEventListener?.("pageshow", returned, { signal });
  page.addEventListener?.("online", returned, { signal });
  document?.addEventListener("resume", returned, { signal });
  document?.addEventListener("visibilitychange", () => document.visibilityState === "visible" && returned(), { signal });
  let last = { wallMs: Date.now(), monotonicMs: performance.now() };
  const ticker: unknown = setInterval(() => {
    const now = { wallMs: Date.now(), monotonicMs: performance.now() };
    const elapsedMs = now.wallMs - last.wallMs;
    if (Math.abs(elapsedMs - tickMs) > jumpMs) {
      woken(Math.abs(elapsedMs - (now.monotonicMs - last.monotonicMs)) > apartMs);
    }
    last = now;
  }, tickMs);
  // In Node.js a ticker would keep a process from ending that has nothing else to do.
  (ticker as { unref?: () => void }).unref?.();
  return () => {
    end.abort();
    clearInterval(ticker as number);
  };
}
