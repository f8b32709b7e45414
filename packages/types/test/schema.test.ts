import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";

interface Vector {
  name: string;
  from: "client" | "server";
  type: string;
  frame: Record<string, unknown>;
}

interface Schema {
  $id: string;
  $defs: Record<string, { properties?: Record<string, { const?: unknown }>; required?: string[] }>;
}

/** What the decoder in Go says: written by protocol/generate. */
interface Verdicts {
  values: unknown[];
  messages: { frame: Record<string, unknown>; mayBeMissing: string[]; accepted: Record<string, number[]> }[];
  frames: { frame: unknown; accepted: boolean }[];
}

async function read<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(new URL(path, import.meta.url), "utf8")) as T;
}

const schema = await read<Schema>("../schema/messages.json");
const vectors = await read<Vector[]>("../../../protocol/testdata/vectors.json");
const verdicts = await read<Verdicts>("verdicts.json");
const ajv = new Ajv2020({ strict: true, allErrors: true });
ajv.addSchema(schema);

function definition(name: string): ValidateFunction {
  const validate = ajv.getSchema(`${schema.$id}#/$defs/${name}`);
  assert.ok(validate, name);
  return validate;
}

/** The name of the definition of one message. */
function nameOf(from: "client" | "server", type: string): string {
  if (type === "PONG") return from === "client" ? "ClientPongMessage" : "PongMessage";
  const names = Object.keys(schema.$defs).filter((name) => schema.$defs[name]?.properties?.["type"]?.const === type);
  assert.equal(names.length, 1, type);
  return names[0] ?? "";
}

test("every definition compiles in strict mode", () => {
  for (const name of Object.keys(schema.$defs)) definition(name);
});

test("every vector is valid, as its own message and in its union", () => {
  for (const { name, from, type, frame } of vectors) {
    for (const wanted of [nameOf(from, type), from === "client" ? "ClientMessage" : "ResponseMessage"]) {
      const validate = definition(wanted);
      assert.ok(validate(frame), `${name} is no ${wanted}: ${ajv.errorsText(validate.errors)}`);
    }
    assert.ok(ajv.validate(schema.$id, frame), name);
  }
});

test("no vector is valid as another message", () => {
  const messages = Object.keys(schema.$defs).filter((name) => schema.$defs[name]?.properties?.["type"]?.const !== undefined);
  for (const { name, from, type, frame } of vectors) {
    const valid = messages.filter((message) => definition(message)(frame));
    assert.deepEqual(
      valid.filter((message) => !message.endsWith("PongMessage")),
      type === "PONG" ? [] : [nameOf(from, type)],
      name,
    );
  }
});

test("what the decoder accepts is valid, and what it refuses is not", () => {
  const validate = definition("ClientMessage");
  let cases = 0;
  const agree = (frame: unknown, accepted: boolean): void => {
    cases++;
    const valid = validate(frame);
    const shown = JSON.stringify(frame).slice(0, 300);
    assert.equal(valid, accepted, `the decoder ${accepted ? "accepts" : "refuses"} ${shown}. ${ajv.errorsText(validate.errors).slice(0, 300)}`);
  };
  for (const { frame, mayBeMissing, accepted } of verdicts.messages) {
    agree(frame, true);
    for (const [field, indexes] of Object.entries(accepted)) {
      const { [field]: _, ...rest } = frame;
      agree(rest, mayBeMissing.includes(field));
      verdicts.values.forEach((value, i) => agree({ ...frame, [field]: value }, indexes.includes(i)));
    }
  }
  for (const { frame, accepted } of verdicts.frames) agree(frame, accepted);
  assert.ok(cases > 2000, `only ${cases} cases`);
});

test("what the decoder refuses for a reason that a reader can see is refused", () => {
  const head = { roomId: "room-1", userId: "ann" };
  const validate = definition("ClientMessage");
  for (const [why, frame] of Object.entries({
    "no such state": { type: "HOST_STATE_UPDATE", userId: "ann", state: "STOPPED", time: 1 },
    "no such mode": { type: "CONTROL_MODE_CHANGE", userId: "ann", mode: "ANARCHY" },
    "no userName": { type: "JOIN_ROOM", ...head },
    "no target": { type: "WEBRTC_OFFER", ...head, offer: { type: "offer", sdp: "v=0" } },
    "a room id with a dot": { type: "LEAVE_ROOM", roomId: "room.1", userId: "ann" },
    "a user id with a space": { type: "LEAVE_ROOM", roomId: "room-1", userId: "a b" },
    "a negative time": { type: "DIRECT_SEEK", userId: "ann", time: -1 },
    "null for an optional field": { type: "CREATE_ROOM", ...head, userName: "Ann", resumeToken: null },
    "half a version": { type: "CREATE_ROOM", ...head, userName: "Ann", protocol: 0.5 },
    "a server's type": { type: "USER_LEFT", ...head },
  }))
    assert.equal(validate(frame), false, why);
});

test("a response without one of its required fields is not valid", () => {
  for (const { name, frame } of vectors.filter(({ from }) => from === "server")) {
    const required = schema.$defs[nameOf("server", frame["type"] as string)]?.required ?? [];
    assert.ok(required.includes("timestamp"), name);
    for (const field of required) {
      const { [field]: _, ...rest } = frame;
      assert.equal(definition("ResponseMessage")(rest), false, `${name} without ${field}`);
    }
  }
});
