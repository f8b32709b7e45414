// Clients of a real server. The server starts before the tests of a file, and each test's clients
// end with it.

import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";

import { memoryStore, RoomClient, RoomError, type SeatStore } from "@usher/client";
import { Server } from "../../../test/e2e/server.ts";

/** Makes a client of the file's server, or of another. */
export type NewClient = (store?: SeatStore, url?: string) => RoomClient;

export function clientsOfAServer(): NewClient {
  let server: Server;
  const clients: RoomClient[] = [];
  before(async () => {
    server = await Server.start("native");
  });
  afterEach(() => {
    for (const client of clients.splice(0)) {
      client.close();
    }
  });
  after(() => server.close());
  return (store = memoryStore(), url = `${server.url.replace("http", "ws")}/ws`) => {
    const client = new RoomClient({ url, store });
    clients.push(client);
    return client;
  };
}

/** For assert.rejects: a RoomError with the code, and a sentence for a person. */
export const refusedWith = (code: string) => (error: unknown) => {
  assert.ok(error instanceof RoomError, String(error));
  assert.equal(error.code, code);
  assert.notEqual(error.message, "");
  return true;
};
