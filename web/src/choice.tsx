import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { FileInput } from "./filmFile.tsx";
import { filmTitle, hostOf, isClip } from "./party.ts";
import { clip, type Player } from "./player.ts";

export function Choice({ player, mayControl }: { player: Player; mayControl: boolean }): JSX.Element {
  const { source } = player;
  const input = useRef<HTMLInputElement>(null);
  const [isTyping, setTyping] = useState(false);
  const current = isClip(source) ? "clip" : source.startsWith("file:") ? "file" : "web";
  const pick = (kind: string): void => {
    setTyping(kind === "web");
    if (kind === "clip") {
      player.choose(clip);
    } else if (kind === "file") {
      input.current?.click();
    }
  };
  return (
    <div class="choice-of-film">
      <div class="inline-field">
        <label for="what">What to watch</label>
        <select
          id="what"
          disabled={!mayControl}
          value={isTyping ? "web" : current}
          onChange={(event) => {
            const kind = event.currentTarget.value;
            event.currentTarget.value = current; // until a film is chosen
            pick(kind);
          }}
        >
          <option value="clip">The usher clip</option>
          <option value="file">A file on this device…</option>
          <option value="web">A web address…</option>
        </select>
      </div>
      <FileInput input={input} take={(file) => player.chooseFile(file)} />
      {current === "file" && mayControl && (
        <button class="small" type="button" onClick={() => input.current?.click()}>
          Another file…
        </button>
      )}
      {isTyping ? (
        <AddressForm player={player} done={() => setTyping(false)} />
      ) : (
        <p class="now-showing">
          Now showing: <b>{filmTitle(source)}</b>
        </p>
      )}
    </div>
  );
}

function AddressForm({ player, done }: { player: Player; done: () => void }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const [complaint, setComplaint] = useState("");
  useEffect(() => field.current?.focus(), []);
  return (
    <form
      class="address"
      onSubmit={(event) => {
        event.preventDefault();
        const address = field.current?.value.trim() ?? "";
        if (hostOf(address) === "") {
          setComplaint("Enter the address of a film file, beginning with https://.");
        } else {
          player.choose(address);
          done();
        }
      }}
    >
      <input
        ref={field}
        type="url"
        aria-label="Web address of the film"
        placeholder="https://example.org/film.mp4"
        maxLength={2048}
        aria-describedby="no-address"
      />
      <button class="small" type="submit">
        Show it
      </button>
      <button class="small" type="button" onClick={done}>
        Cancel
      </button>
      <p id="no-address" class="complaint" role="alert">
        {complaint}
      </p>
    </form>
  );
}
