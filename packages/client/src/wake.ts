const tickMs = 3_000;
/** How far the wall clock may be from where a tick expects it, ms. */
const jumpMs = 3_000;

/**
 * Calls woken when this page, its network or the whole machine may have been away, until the returned
 * function is called: a connection that looks open may be dead then. hasJumped: the wall clock has
 * gone on without this process, which other clocks may not have noticed.
 */
export function onWake(woken: (hasJumped: boolean) => void): () => void {
  const end = new AbortController();
  const { signal } = end;
  const page = globalThis as unknown as Partial<Window>;
  const { document } = page;
  const returned = (): void => woken(false);
  page.addEventListener?.("pageshow", returned, { signal });
  page.addEventListener?.("online", returned, { signal });
  document?.addEventListener("resume", returned, { signal });
  document?.addEventListener("visibilitychange", () => document.visibilityState === "visible" && returned(), { signal });
  let lastMs = Date.now();
  const ticker: unknown = setInterval(() => {
    const nowMs = Date.now();
    if (Math.abs(nowMs - lastMs - tickMs) > jumpMs) {
      woken(true);
    }
    lastMs = nowMs;
  }, tickMs);
  // In Node.js a ticker would keep a process from ending that has nothing else to do.
  (ticker as { unref?: () => void }).unref?.();
  return () => {
    end.abort();
    clearInterval(ticker as number);
  };
}
