// What `wrangler types` cannot know: secrets and bindings that a deployment may leave out, and the Wasm module.

interface Env {
  /** The shared secret of coturn's use-auth-secret. */
  TURN_SECRET?: string;
  /** A key of Cloudflare's TURN service, and its token. */
  TURN_KEY_ID?: string;
  TURN_KEY_API_TOKEN?: string;
  /** "debug" logs refusals. */
  LOG_LEVEL?: string;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
