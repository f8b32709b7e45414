// A certificate for 127.0.0.1 that nobody has signed but itself, and that this process and browsers
// with its switches trust.

import { execFile } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { promisify } from "node:util";

const run = promisify(execFile);

export class Certificate {
  readonly file: string;
  readonly keyFile: string;
  /** Chromium trusts a certificate with this key. */
  readonly switches: readonly string[];
  readonly #folder: string;

  private constructor(folder: string, pem: string) {
    this.#folder = folder;
    this.file = path.join(folder, "cert.pem");
    this.keyFile = path.join(folder, "key.pem");
    const key = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
    this.switches = [`--ignore-certificate-errors-spki-list=${createHash("sha256").update(key).digest("base64")}`];
  }

  /** Go, which builds the server, brings a program that makes them. */
  static async make(): Promise<Certificate> {
    const folder = await mkdtemp(path.join(os.tmpdir(), "usher-e2e-certificate-"));
    const { stdout } = await run("go", ["env", "GOROOT"]);
    const program = path.join(stdout.trim(), "src/crypto/tls/generate_cert.go");
    await run("go", ["run", program, "--host=127.0.0.1", "--ecdsa-curve=P256", "--ca"], { cwd: folder });
    const pem = await readFile(path.join(folder, "cert.pem"), "utf8");
    tls.setDefaultCACertificates([...tls.getCACertificates("default"), pem]);
    return new Certificate(folder, pem);
  }

  async forget(): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}
