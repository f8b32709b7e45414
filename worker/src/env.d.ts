// What `wrangler types` cannot know: secrets and bindings that a deployment may leave out, and the Wasm module.

interface Env {
  /** The shared secret of coturn's use-auth-secret. */
  TURN_SECRET?: string;
  /** A key of Cloudflare's TURN service, and its token. */
  TURN_KEY_ID?: string;
  TURN_KEY_API_TOKEN?: string;
  /** "true" hands TURN credentials out to those without a seat too, for five minutes. */
  TURN_OPEN?: string;
  /** How long TURN credentials are valid, 300 to 86400; 43200 without it. */
  TURN_TTL_SECONDS?: string;
  /** "debug" logs refusals. */
  LOG_LEVEL?: string;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
