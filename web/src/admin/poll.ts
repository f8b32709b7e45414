import { useEffect, useRef, useState } from "preact/hooks";

import { Refused } from "./api.ts";

/** How often what is in view is read again. Nothing is read while the tab is hidden. */
const everyMs = 2000;

export interface Polled<T> {
  value: T | undefined;
  error: Refused | undefined;
  /** Reads again at once. */
  again: () => void;
}

/** Reads something now and then, and at once when the key changes. */
export function usePolled<T>(key: string, get: (signal: AbortSignal) => Promise<T>): Polled<T> {
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<Refused>();
  const [turn, setTurn] = useState(0);
  const known = useRef(key);
  if (known.current !== key) {
    known.current = key;
    setValue(undefined);
    setError(undefined);
  }
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const step = async (): Promise<void> => {
      if (document.visibilityState === "visible") {
        try {
          const got = await get(stop.signal);
          setValue(() => got);
          setError(undefined);
        } catch (failed) {
          if (stop.signal.aborted) {
            return;
          }
          setError(failed instanceof Refused ? failed : new Refused("FAILED", String(failed)));
        }
      }
      if (!stop.signal.aborted) {
        timer = setTimeout(() => void step(), everyMs);
      }
    };
    void step();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [key, turn]);
  return { value, error, again: () => setTurn((n) => n + 1) };
}
