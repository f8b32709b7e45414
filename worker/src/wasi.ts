// What the Go runtime asks of its host (wasip1). The module has no files, arguments, environment or
// sockets, so each call is a few lines, and no library for the rest of WASI is needed.

const errnoBadFile = 8;

/** A Wasm module that ended itself: what Go does at a panic or without memory. */
export class Exit extends Error {}

/** The imports of the module. What it says on stderr, a panic's text, goes to `say`. */
export function wasi(memory: () => WebAssembly.Memory, say: (text: string) => void): WebAssembly.ModuleImports {
  const view = (): DataView => new DataView(memory().buffer);
  const none = (count: number, size: number): number => {
    view().setUint32(count, 0, true);
    view().setUint32(size, 0, true);
    return 0;
  };
  return {
    args_get: () => 0,
    args_sizes_get: none,
    environ_get: () => 0,
    environ_sizes_get: none,
    sched_yield: () => 0,
    /**
     * Only the runtime's own sleeps on its way into a panic use this. Here they end immediately.
     */
    poll_oneoff: (_subscriptions: number, _events: number, count: number, happened: number): number => {
      view().setUint32(happened, count, true);
      return 0;
    },
    clock_time_get: (_clock: number, _precision: bigint, time: number): number => {
      view().setBigUint64(time, BigInt(Date.now()) * 1_000_000n, true);
      return 0;
    },
    random_get: (start: number, length: number): number => {
      crypto.getRandomValues(new Uint8Array(memory().buffer, start, length));
      return 0;
    },
    proc_exit: (code: number): never => {
      throw new Exit(`exit status ${code}`);
    },
    fd_write: (file: number, vectors: number, count: number, written: number): number => {
      if (file !== 1 && file !== 2) {
        return errnoBadFile;
      }
      const v = view();
      let total = 0;
      for (let i = 0; i < count; i++) {
        const start = v.getUint32(vectors + 8 * i, true);
        const length = v.getUint32(vectors + 8 * i + 4, true);
        say(new TextDecoder().decode(new Uint8Array(memory().buffer, start, length)));
        total += length;
      }
      v.setUint32(written, total, true);
      return 0;
    },
  };
}
