import { useEffect, useReducer, useState } from "preact/hooks";
import type { JSX, RefObject } from "preact";

import { Drawing } from "./icons.tsx";
import { clockText } from "./party.ts";
import type { Player } from "./player.ts";

/** How often the moving parts are redrawn, ms. */
const tickMs = 200;
/** The largest drift that counts as in sync, ms. */
const togetherMs = 150;

export function Controls({ player, section }: { player: Player; section: RefObject<HTMLElement | null> }): JSX.Element {
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
    <span class={`together ${isTogether ? "yes" : "no"}`} title="How far your film is from the room’s">
      {words}
    </span>
  );
}

export function toggleFullScreen(section: HTMLElement): void {
  if (document.fullscreenElement === null) {
    void section.requestFullscreen?.().catch(() => undefined); // a phone may not support this
  } else {
    void document.exitFullscreen();
  }
}
