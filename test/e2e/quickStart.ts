// The quick starts of packages/client/README.md, as they stand there.

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { install, pack, root } from "../../packages/client/test/packed.ts";

const readme = path.join(root, "packages/client/README.md");

/** A project that has only the published packages and the files of one quick start. */
export interface Project {
  folder: string;
  /** The quick start's commands, without npx. */
  commands: string[];
}

export class Projects {
  readonly #scratch: string;
  readonly #text: string;

  private constructor(scratch: string, text: string) {
    this.#scratch = scratch;
    this.#text = text;
  }

  /** Packs and installs the packages, once for all quick starts. */
  static async prepare(): Promise<Projects> {
    const projects = new Projects(await mkdtemp(path.join(os.tmpdir(), "usher-quickstart-")), await readFile(readme, "utf8"));
    await install(projects.#scratch, await pack(projects.#scratch));
    return projects;
  }

  /** The headings of the quick starts. */
  get names(): string[] {
    return [...this.#section.matchAll(/^### (.+)$/gm)].map(([, name = ""]) => name);
  }

  /**
   * Makes the project of a quick start. Modules are those of the repository that it needs in
   * addition.
   */
  async make(name: string, modules: string[] = []): Promise<Project> {
    const folder = path.join(this.#scratch, name.replaceAll(/\W+/g, "-"));
    await mkdir(folder);
    for (const file of ["package.json", "node_modules"]) {
      await cp(path.join(this.#scratch, file), path.join(folder, file), { recursive: true });
    }
    for (const module of modules) {
      await cp(path.join(root, "node_modules", module), path.join(folder, "node_modules", module), { recursive: true });
    }
    const [, text = ""] = this.#section.split(`### ${name}\n`);
    const own = text.split("\n### ")[0] ?? "";
    for (const [file, code] of filesIn(own)) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), code);
    }
    const commands = [...own.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, lines = ""]) => lines.trim().split("\n"));
    return { folder, commands: commands.map((command) => command.replace(/^npx /, "")) };
  }

  close(): Promise<void> {
    return rm(this.#scratch, { recursive: true, force: true, maxRetries: 5 });
  }

  get #section(): string {
    return this.#text.split("\n## Quick starts\n")[1]?.split("\n## ")[0] ?? "";
  }
}

/**
 * Each block of code is the file that the preceding paragraph names last at the beginning of a
 * sentence.
 */
function filesIn(text: string): [file: string, code: string][] {
  const blocks = text.matchAll(/(?:^|\. )`([\w./-]+)`[^`]*(?:`[^`\n]+`[^`]*)*:\n\n```(?:html|tsx?|jsx?|json)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, file = "", code = ""]) => [file, code]);
}
