// A set of keys at a URL, for this isolate: fetched when it is needed, at most every ten seconds,
// and good for an hour.

import { log } from "./http";
import { parseSet, type JwtKey } from "./jwtKey";

const timeoutMs = 5000;
const maxBytes = 256 << 10;
const freshMs = 600_000;
const usableMs = 3_600_000;
const againMs = 10_000;

export class KeySet {
  readonly #url: string;
  #keys: readonly JwtKey[] = [];
  #fetchedAtMs = -Infinity;
  #triedAtMs = -Infinity;
  #failed = false;
  #fetching: Promise<void> | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** The keys with an id, all for "". Undefined if they cannot be had now. */
  async find(id: string): Promise<readonly JwtKey[] | undefined> {
    const known = this.#pick(id);
    const ageMs = Date.now() - this.#fetchedAtMs;
    if (known.length === 0 || ageMs >= freshMs) {
      await this.#fetch();
    }
    const picked = this.#pick(id);
    const isUsable = Date.now() - this.#fetchedAtMs < usableMs;
    return !isUsable || (picked.length === 0 && this.#failed) ? undefined : picked;
  }

  #pick(id: string): readonly JwtKey[] {
    return this.#keys.filter((key) => id === "" || key.id === id);
  }

  #fetch(): Promise<void> {
    if (this.#fetching === undefined && Date.now() - this.#triedAtMs < againMs) {
      return Promise.resolve();
    }
    this.#triedAtMs = Date.now();
    return (this.#fetching ??= this.#take().finally(() => {
      this.#fetching = undefined;
    }));
  }

  async #take(): Promise<void> {
    try {
      const { keys, skipped } = await parseSet(await fetchText(this.#url));
      // A secret has no place in a public set.
      const usable = keys.filter(({ algorithm }) => algorithm !== "HS256");
      for (const reason of skipped) {
        log("warn", "a key of the key set is not used", { reason });
      }
      if (usable.length === 0) {
        throw new Error("it has no usable key");
      }
      this.#keys = usable;
      this.#fetchedAtMs = Date.now();
      this.#failed = false;
    } catch (error) {
      this.#failed = true;
      log("warn", "the key set cannot be fetched: tokens of new keys are refused, and those of known keys after an hour", { error: String(error) });
    }
  }
}

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
  if (response.status !== 200 || response.body === null) {
    throw new Error(`the response is ${response.status}; redirects are not followed`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new Error(`it has more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
}
