// What `wrangler types` cannot know: secrets and bindings that a deployment may leave out, and the
// Wasm module.

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
  /**
   * The key of the operator's tokens, as a secret: PEM, a JWK, a set of them, or a secret of at
   * least 32 bytes.
   */
  AUTH_JWT_KEY?: string;
  /** Where the keys are fetched from instead. */
  AUTH_JWKS?: string;
  /** What a token must say in iss and aud. */
  AUTH_ISSUER?: string;
  AUTH_AUDIENCE?: string;
  /** How far the clocks may differ, 0 to 300; 30 without it. */
  AUTH_LEEWAY_SECONDS?: string;
  /** "false": a token may only create its room if its claim create says so. */
  AUTH_CREATE?: string;
  /** Signs tickets and invites, as a secret. */
  INVITE_SECRET?: string;
  /** A line "NAME SHA256" for each program that may create rooms. */
  API_KEYS?: string;
  /** "eu", "fedramp" or "us": where rooms run and are stored. */
  JURISDICTION?: string;
  /** "debug" logs refusals. */
  LOG_LEVEL?: string;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
