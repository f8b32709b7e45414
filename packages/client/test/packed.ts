// The two packages as npm would publish them: packed from a copy of their sources that nothing has
// been built in, so that it is prepack that builds, and installed in an empty folder.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

export const root = path.resolve(import.meta.dirname, "../../..");

export interface Packed {
  name: string;
  tarball: string;
  /** Paths in the package. */
  files: string[];
}

/**
 * Runs a program of the repository or of the machine in a folder, and returns what it prints. Its
 * output is in the error if it fails.
 */
export async function run(folder: string, command: string, ...args: string[]): Promise<string> {
  const search = [path.join(root, "node_modules/.bin"), path.dirname(process.execPath), process.env["PATH"]].join(path.delimiter);
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: folder, env: { ...process.env, PATH: search, NO_COLOR: "1" }, maxBuffer: 1 << 26 });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(" ")} fails:\n${stdout}${stderr}`, { cause: error });
  }
}

/** Packs both packages into a folder. */
export async function pack(destination: string): Promise<Packed[]> {
  const copy = await mkdtemp(path.join(os.tmpdir(), "usher-pack-"));
  try {
    await cp(path.join(root, "tsconfig.base.json"), path.join(copy, "tsconfig.base.json"));
    await mkdir(path.join(copy, "node_modules/@usher"), { recursive: true });
    for (const name of await readdir(path.join(root, "node_modules"))) {
      if (name !== "@usher") {
        await symlink(path.join(root, "node_modules", name), path.join(copy, "node_modules", name));
      }
    }
    const packed: Packed[] = [];
    for (const name of ["types", "client"]) {
      const folder = path.join(copy, "packages", name);
      const isSource = (file: string): boolean => !/[/\\](dist|node_modules|[^/\\]*\.tsbuildinfo)$/.test(file);
      await cp(path.join(root, "packages", name), folder, { recursive: true, filter: isSource });
      await symlink(folder, path.join(copy, "node_modules/@usher", name));
      const said = JSON.parse(await run(folder, "npm", "pack", "--json", "--pack-destination", destination)) as unknown;
      // An array, or with newer versions of npm an object by name.
      const [info] = Object.values(said as Record<string, { filename: string; files: { path: string }[] }>);
      const file = info?.filename.replace("@", "").replace("/", "-") ?? "";
      packed.push({ name: `@usher/${name}`, tarball: path.join(destination, file), files: info?.files.map((entry) => entry.path) ?? [] });
    }
    return packed;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** Makes an empty project in a folder, and installs the packages there. */
export async function install(folder: string, packed: Packed[]): Promise<void> {
  await writeFile(path.join(folder, "package.json"), `{ "private": true, "type": "module" }`);
  await run(folder, "npm", "install", "--offline", "--no-audit", "--no-fund", ...packed.map(({ tarball }) => tarball));
}
