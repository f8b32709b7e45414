// Takes the picture of the page in the README: npm run build -w web, then npm run picture -w
// test/e2e.

import path from "node:path";

import { Scene } from "./scene.ts";
import { Server } from "./server.ts";
import { allDirect, Visitor } from "./visitor.ts";
import { until } from "./wait.ts";

const file = path.resolve(import.meta.dirname, "../../docs/page.png");

const server = await Server.start("native");
const set = new Scene(server);
try {
  const ann = await Visitor.arrive(set, "Ann", { viewport: { width: 1280, height: 1130 } });
  const roomId = await ann.create();
  await ann.page.getByRole("button", { name: "Rename the room" }).click();
  await ann.page.getByRole("textbox", { name: "New name of the room" }).fill("Friday film club");
  await ann.page.keyboard.press("Enter");
  const bob = await Visitor.arrive(set, "Bob");
  await bob.join(roomId);
  const chidi = await Visitor.arrive(set, "Chidi");
  await chidi.join(roomId);
  await allDirect([ann, bob, chidi]);
  await ann.chooseMode("Everyone");
  await bob.play();
  await chidi.seek(20);
  await until("the film shows some of itself", async () => (await ann.film()).time >= 23);
  await ann.page.screenshot({ path: file });
  const height = await ann.page.evaluate(() => document.documentElement.scrollHeight);
  console.log(`${file}; the page is ${height} px high`);
} finally {
  await set.close();
  await server.close();
}
process.exit(0);
