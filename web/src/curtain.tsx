import type { JSX } from "preact";

import { FileButton } from "./filmFile.tsx";
import { hostOf, isClip } from "./party.ts";
import type { Player } from "./player.ts";

/** Covers the screen while the page has something to say first. */
export function Curtain({ player }: { player: Player }): JSX.Element | null {
  const { asking, problem } = player;
  if (problem !== "") {
    // A host with the browser extension watches a page.
    const isPage = hostOf(player.source) !== "" && !isClip(player.source);
    return (
      <div class="curtain">
        <p>{problem}</p>
        {isPage && (
          <p>
            <a href={player.source} target="_blank" rel="noreferrer">
              Open it in a new tab
            </a>
          </p>
        )}
      </div>
    );
  }
  switch (asking?.kind) {
    case undefined:
      return null;
    case "web":
      return (
        <div class="curtain">
          <p>
            The room is watching a film from <b>{asking.host}</b>. To load it your browser asks that host, which then knows your network address.
          </p>
          <button class="primary" type="button" onClick={() => player.allowHost()}>
            Load the film from {asking.host}
          </button>
        </div>
      );
    case "file":
      return (
        <div class="curtain">
          <p>
            The room is watching <b>{asking.name}</b>, a file that is not sent to you. Choose your own copy to watch along.
          </p>
          <FileButton label="Choose your copy" take={(file) => player.giveCopy(file)} />
        </div>
      );
    case "unknown":
      return (
        <div class="curtain">
          <p>The room is watching something that this page cannot show.</p>
        </div>
      );
  }
}
