// A web site with a film, at the same address for every browser.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

const clip = path.resolve(import.meta.dirname, "../../web/dist/leader.mp4");
const html = '<!doctype html><html lang="en"><title>Cinema</title><video src="/clip.mp4" width="640" controls loop></video>';

export interface Cinema {
  url: string;
  close(): Promise<void>;
}

export async function openCinema(): Promise<Cinema> {
  const film = await readFile(clip);
  const site = http.createServer((request, response) => {
    if (request.url !== "/clip.mp4") {
      response.writeHead(200, { "content-type": "text/html" }).end(html);
      return;
    }
    const [, from = "0", to = ""] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "") ?? [];
    const begin = Number(from);
    const end = to === "" ? film.length - 1 : Number(to);
    response.writeHead(206, { "content-type": "video/mp4", "accept-ranges": "bytes", "content-range": `bytes ${begin}-${end}/${film.length}` });
    response.end(film.subarray(begin, end + 1));
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  return {
    url: `http://127.0.0.1:${(site.address() as AddressInfo).port}/`,
    close: async () => {
      const closed = once(site, "close");
      site.close();
      site.closeAllConnections();
      await closed;
    },
  };
}
