import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import type { JSX, RefObject } from "preact";

import { Drawing } from "./icons.tsx";
import { clockText, filmTitle, hostOf, isClip } from "./party.ts";
import { clip, Player } from "./player.ts";
import type { Session } from "./session.ts";

/** How often what moves is shown anew, ms. */
const tickMs = 200;
const stepSeconds = 5;
/** What counts as together, ms. */
const togetherMs = 150;

export function Film({ session }: { session: Session }): JSX.Element {
  const section = useRef<HTMLElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [player, setPlayer] = useState<Player | undefined>();
  const [, redraw] = useReducer((n: number, _: undefined) => n + 1, 0);
  // A layout effect: it is undone before the element goes, which pauses it. That pause is nobody's wish.
  useLayoutEffect(() => {
    const place = section.current as HTMLElement;
    const made = new Player(video.current as HTMLVideoElement, session, () => redraw(undefined));
    setPlayer(made);
    const timer = setInterval(() => mark(place, made), tickMs / 2);
    const onKey = (event: KeyboardEvent): void => pressed(event, made, place);
    document.addEventListener("keydown", onKey);
    return () => {
      clearInterval(timer);
      document.removeEventListener("keydown", onKey);
      made.close();
    };
  }, [session]);
  return (
    <section ref={section} class="film" aria-label="The film" data-drift="0" data-playing="false">
      <div class="screen" onDblClick={() => toggleFullScreen(section.current as HTMLElement)}>
        <video ref={video} aria-label="Film" playsInline preload="auto" onClick={() => player?.toggle()} />
        {player !== undefined && <Curtain player={player} />}
        {player?.isBlocked === true && (
          <button class="sound-is-off" type="button" onClick={() => player.setMuted(false)}>
            <Drawing name="silent" />
            Sound is off
          </button>
        )}
      </div>
      {player !== undefined && <Controls player={player} section={section} />}
      {player !== undefined && <Choice player={player} mayControl={session.mayControl} />}
    </section>
  );
}

/** Says by attributes how the film is, for whoever measures. */
function mark(section: HTMLElement, player: Player): void {
  section.dataset["drift"] = String(Math.round(player.driftMs));
  section.dataset["playing"] = String(!player.video.paused);
}

function toggleFullScreen(section: HTMLElement): void {
  if (document.fullscreenElement === null) {
    void section.requestFullscreen?.().catch(() => undefined); // a phone may have none for this
  } else {
    void document.exitFullscreen();
  }
}

/** Keys for the whole page, where they are not meant for what has the focus. */
function pressed(event: KeyboardEvent, player: Player, section: HTMLElement): void {
  const target = event.target as Element;
  const isTyping = target.closest("input:not([type=range]), select, textarea, dialog[open]") !== null;
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const onButton = target.closest("button, a, summary") !== null;
  const onVolume = target.closest(".volume") !== null;
  if (event.key === " " && !onButton) {
    player.toggle();
  } else if (event.key === "ArrowLeft" && !onVolume) {
    player.seek(player.video.currentTime - stepSeconds);
  } else if (event.key === "ArrowRight" && !onVolume) {
    player.seek(player.video.currentTime + stepSeconds);
  } else if (event.key === "m") {
    player.setMuted(!player.video.muted);
  } else if (event.key === "f") {
    toggleFullScreen(section);
  } else {
    return;
  }
  event.preventDefault();
}

/** What hangs before the screen while there is something to say first. */
function Curtain({ player }: { player: Player }): JSX.Element | null {
  const { asking, problem } = player;
  if (problem !== "") {
    const isPage = hostOf(player.source) !== "" && !isClip(player.source); // as a host with the browser extension watches
    return (
      <div class="curtain">
        <p>{problem}</p>
        {isPage && (
          <p>
            <a href={player.source} target="_blank" rel="noreferrer">
              Open it in a tab of its own
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
            The room watches a film from <b>{asking.host}</b>. Your browser would ask that host for it, which tells it your address.
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
            The room watches <b>{asking.name}</b>, a file that is not sent around. Choose your own copy of it to watch along.
          </p>
          <FileButton label="Choose your copy" take={(file) => player.giveCopy(file)} />
        </div>
      );
    case "unknown":
      return (
        <div class="curtain">
          <p>The room watches something that this page cannot show.</p>
        </div>
      );
  }
}

function FileButton({ label, take }: { label: string; take: (file: File) => void }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button class="primary" type="button" onClick={() => input.current?.click()}>
        {label}
      </button>
      <FileInput input={input} take={take} />
    </>
  );
}

function FileInput({ input, take }: { input: RefObject<HTMLInputElement | null>; take: (file: File) => void }): JSX.Element {
  return (
    <input
      ref={input}
      type="file"
      accept="video/*,audio/*"
      hidden
      aria-label="Film file"
      onChange={(event) => {
        const file = event.currentTarget.files?.[0];
        event.currentTarget.value = ""; // so that the same one can be chosen again
        if (file !== undefined) {
          take(file);
        }
      }}
    />
  );
}

function Controls({ player, section }: { player: Player; section: RefObject<HTMLElement | null> }): JSX.Element {
  const { video } = player;
  const [, tick] = useReducer((n: number, _: undefined) => n + 1, 0);
  const [dragged, setDragged] = useState<number | undefined>();
  useEffect(() => {
    const timer = setInterval(() => tick(undefined), tickMs);
    return () => clearInterval(timer);
  }, []);
  const duration = Number.isFinite(video.duration) ? video.duration : 0;
  const position = dragged ?? video.currentTime;
  const isSilent = video.muted || video.volume === 0;
  return (
    <div class="controls">
      <button class="round" type="button" aria-label={video.paused ? "Play" : "Pause"} disabled={duration === 0} onClick={() => player.toggle()}>
        <Drawing name={video.paused ? "play" : "pause"} />
      </button>
      <input
        class="position"
        type="range"
        aria-label="Position"
        aria-valuetext={`${clockText(position)} of ${clockText(duration)}`}
        min={0}
        max={duration}
        step="any"
        disabled={duration === 0}
        value={position}
        onInput={(event) => setDragged(event.currentTarget.valueAsNumber)}
        onChange={(event) => {
          setDragged(undefined);
          player.seek(event.currentTarget.valueAsNumber);
        }}
      />
      <span class="time">
        {clockText(position)} / {clockText(duration)}
      </span>
      <button
        class="round"
        type="button"
        aria-label={isSilent ? "Sound on" : "Sound off"}
        onClick={() => (isSilent && video.volume === 0 ? player.setVolume(1) : player.setMuted(!video.muted))}
      >
        <Drawing name={isSilent ? "silent" : "sound"} />
      </button>
      <input
        class="volume"
        type="range"
        aria-label="Volume"
        min={0}
        max={1}
        step={0.05}
        value={isSilent ? 0 : video.volume}
        onInput={(event) => player.setVolume(event.currentTarget.valueAsNumber)}
      />
      <button class="round" type="button" aria-label="Full screen" onClick={() => toggleFullScreen(section.current as HTMLElement)}>
        <Drawing name="full" />
      </button>
      <Together player={player} />
    </div>
  );
}

function Together({ player }: { player: Player }): JSX.Element {
  const drift = Math.round(player.driftMs);
  const isTogether = Math.abs(drift) <= togetherMs;
  const words = player.video.paused ? "Paused" : isTogether ? `In sync · ${Math.abs(drift)} ms` : "Catching up…";
  return (
    <span class={`together ${isTogether ? "yes" : "no"}`} title="How far this film is from the room’s">
      {words}
    </span>
  );
}

function Choice({ player, mayControl }: { player: Player; mayControl: boolean }): JSX.Element {
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
            event.currentTarget.value = current; // until there is a film
            pick(kind);
          }}
        >
          <option value="clip">The usher clip</option>
          <option value="file">A file of mine…</option>
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
          setComplaint("Write the address of a film file, with https:// in front.");
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
