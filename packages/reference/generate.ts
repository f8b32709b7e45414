// Writes packages/client/REFERENCE.md: every exported class, event, error code and type of the
// client with its doc comment, by TypeDoc.
//
// node generate.ts writes it node generate.ts --check fails if it is stale, or if something
// exported has no doc comment

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { Application, ReflectionKind, type DeclarationReflection, type Reflection, type TypeDocOptions } from "typedoc";
import { MarkdownTheme, MarkdownThemeContext, type MarkdownPageEvent, type PluginOptions } from "typedoc-plugin-markdown";

const client = path.resolve(import.meta.dirname, "../client");
const reference = path.join(client, "REFERENCE.md");

/** A signature shows what it takes and returns, so neither is repeated below it. */
class Context extends MarkdownThemeContext {
  constructor(...parts: ConstructorParameters<typeof MarkdownThemeContext>) {
    super(...parts);
    Object.assign(this.partials, { signatureReturns: () => "", inheritance: () => "", hierarchy: () => "" });
  }
}

class Theme extends MarkdownTheme {
  override getRenderContext(page: MarkdownPageEvent): Context {
    return new Context(this, page as MarkdownPageEvent<Reflection>, this.application.options);
  }
}

const options: TypeDocOptions & Partial<PluginOptions> = {
  entryPoints: [path.join(client, "src/index.ts")],
  tsconfig: path.join(client, "tsconfig.json"),
  plugin: ["typedoc-plugin-markdown"],
  name: "Reference of @usher/client",
  readme: "none",
  router: "module",
  theme: "usher",
  // The messages themselves are @usher/types' and the protocol document's.
  exclude: ["message", "signaling", "sync", "presence", "response", "limits"].map((name) => `**/types/**/${name}.*`),
  sort: ["source-order"],
  groupOrder: ["Classes", "Functions", "Type Aliases", "Interfaces", "Constructors", "Accessors", "Properties", "Methods"],
  disableSources: true,
  excludeExternals: true,
  excludePrivate: true,
  excludeProtected: true,
  validation: { notDocumented: true, notExported: false, invalidLink: true },
  requiredToBeDocumented: ["Class", "Interface", "TypeAlias", "Function", "Method", "Accessor", "Property"],
  // Their names say it, or the comment of what they are part of.
  intentionallyNotDocumented: [
    "RoomError.name",
    "PeerMeshEvents.message.__type.message",
    "PeerMeshEvents.route.__type.route",
    "PeerMeshEvents.direct.__type.message",
    "RoomClientEvents.frame.__type.message",
    ...["targetUserId", "mesh"].map((name) => `Outgoing.__type.${name}`),
    ...["state", "attempt", "retryAtMs", "error"].map((name) => `Status.__type.${name}`),
    ...["type", "mode"].map((name) => `DirectMessage.__type.${name}`),
    ...["RTCPeerConnection", "RTCPeerConnection.__type.prototype"].map((name) => `PeerConnection.__type.${name}`),
  ],
  treatWarningsAsErrors: true,
  logLevel: "Warn",
  hidePageHeader: true,
  hideBreadcrumbs: true,
  entryFileName: "REFERENCE",
  outputFileStrategy: "modules",
  useCodeBlocks: true,
  expandParameters: true,
  parametersFormat: "none",
  tableColumnSettings: { hideDefaults: true, hideInherited: true, hideModifiers: true, hideOverrides: true },
  interfacePropertiesFormat: "table",
  classPropertiesFormat: "table",
  typeDeclarationFormat: "table",
  propertyMembersFormat: "table",
};

const columns = 100;

/** Breaks the lines of prose that are too long for a diff to show what changed in them. */
function wrapped(text: string): string {
  let isCode = false;
  const lines = text.split("\n").map((line) => {
    isCode = line.startsWith("```") ? !isCode : isCode;
    return isCode || line.startsWith("|") || line.startsWith("#") ? line : line.replace(new RegExp(`(.{1,${columns}})( |$)`, "g"), "$1\n").trimEnd();
  });
  return lines.join("\n");
}

/**
 * The reference as the sources give it; undefined if they lack something, which has been reported
 * then.
 */
async function generate(): Promise<string | undefined> {
  const scratch = await mkdtemp(path.join(os.tmpdir(), "usher-reference-"));
  const app = await Application.bootstrapWithPlugins({ ...options, out: scratch } as TypeDocOptions);
  app.renderer.defineTheme("usher", Theme as never);
  try {
    const project = await app.convert();
    if (project === undefined) {
      return undefined;
    }
    for (const value of project.getReflectionsByKind(ReflectionKind.Variable)) {
      project.removeReflection(value); // the client exports only types of @usher/types
    }
    for (const accessor of project.getReflectionsByKind(ReflectionKind.Accessor) as DeclarationReflection[]) {
      delete accessor.comment; // a copy of the interface's; its getter has one of its own
    }
    app.validate(project);
    await app.generateOutputs(project);
    const text = await readFile(path.join(scratch, "REFERENCE.md"), "utf8");
    return app.logger.hasErrors() || app.logger.hasWarnings() ? undefined : wrapped(text.replaceAll("###### Get Signature\n\n", ""));
  } finally {
    await rm(scratch, { recursive: true });
  }
}

const text = await generate();
if (text === undefined) {
  process.exitCode = 1;
} else if (!process.argv.includes("--check")) {
  await writeFile(reference, text);
} else if (text !== (await readFile(reference, "utf8").catch(() => ""))) {
  console.error("error: packages/client/REFERENCE.md is not what the sources give\nhint: npm run build -w packages/reference, and commit it");
  process.exitCode = 1;
}
