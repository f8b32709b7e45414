// A worker that compiles and initialises usher's Wasm in its first request to /start, for
// `worker`'s measure of a cold start. A worker's own clock stands still while it runs, so the time
// is taken by whoever asks.

interface Bindings {
  /**
   * workerd's unsafeEval: a module that the worker imports would be compiled before any request.
   */
  readonly EVAL: { newWasmModule(bytes: ArrayBuffer): WebAssembly.Module };
  readonly WASM: ArrayBuffer;
}

let started = false;

export default {
  fetch(request, env): Response {
    if (new URL(request.url).pathname === "/start" && !started) {
      start(env);
      started = true;
    }
    return new Response("healthy\n");
  },
} satisfies ExportedHandler<Bindings>;

function start(env: Bindings): void {
  let memory: WebAssembly.Memory | undefined;
  const module = env.EVAL.newWasmModule(env.WASM);
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports(() => memory as WebAssembly.Memory) });
  memory = instance.exports["memory"] as WebAssembly.Memory;
  (instance.exports["_initialize"] as () => void)();
}

/** What the Go runtime asks for while it starts. All it is not given here answers 0. */
function imports(memory: () => WebAssembly.Memory): WebAssembly.ModuleImports {
  const known: WebAssembly.ModuleImports = {
    clock_time_get: (_clock: number, _precision: bigint, time: number): number => {
      new DataView(memory().buffer).setBigUint64(time, BigInt(Date.now()) * 1_000_000n, true);
      return 0;
    },
    random_get: (start: number, length: number): number => {
      crypto.getRandomValues(new Uint8Array(memory().buffer, start, length));
      return 0;
    },
    proc_exit: (code: number): never => {
      throw new Error(`exit status ${code}`);
    },
  };
  return new Proxy(known, { get: (target, name: string) => target[name] ?? (() => 0) });
}
