import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Parser } from "@asyncapi/parser";
import { Ajv2020 } from "ajv/dist/2020.js";

interface Document {
  components: {
    messages: Record<string, { payload: { $ref: string }; examples: { name: string; payload: unknown }[] }>;
    schemas: Record<string, object>;
  };
}

const text = await readFile(new URL("../asyncapi.json", import.meta.url), "utf8");

test("the AsyncAPI document has neither errors nor warnings", async () => {
  const { document, diagnostics } = await new Parser().parse(text);
  // More tools read 3.0 than 3.1, which has nothing that the document needs.
  const found = diagnostics.filter(({ code }) => code !== "asyncapi-latest-version");
  assert.deepEqual(
    found.map(({ code, path, message }) => `${code} ${path.join(".")}: ${message}`),
    [],
  );
  assert.ok(document);
  const { messages } = (JSON.parse(text) as Document).components;
  assert.deepEqual(
    document
      .components()
      .messages()
      .all()
      .map((message) => message.id())
      .sort(),
    Object.keys(messages).sort(),
  );
});

// The parser does not look into examples whose payload is a reference.
test("every message of the AsyncAPI document has an example, which fits it", () => {
  const { components } = JSON.parse(text) as Document;
  const ajv = new Ajv2020({ strict: true });
  ajv.addKeyword("components");
  ajv.addSchema({ $id: "urn:usher:asyncapi", components: { schemas: components.schemas } });
  for (const [name, { payload, examples }] of Object.entries(components.messages)) {
    assert.equal(payload.$ref, `#/components/schemas/${name}`);
    const validate = ajv.getSchema(`urn:usher:asyncapi${payload.$ref}`);
    assert.ok(validate, name);
    assert.ok(examples.length > 0, name);
    for (const example of examples) assert.ok(validate(example.payload), `${example.name}: ${ajv.errorsText(validate.errors)}`);
  }
});
