import { useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { Choice } from "./choice.tsx";
import { Controls, toggleFullScreen } from "./controls.tsx";
import { Curtain } from "./curtain.tsx";
import { Drawing } from "./icons.tsx";
import { Player } from "./player.ts";
import type { Session } from "./session.ts";

/** How often the attributes for measurements are set, ms. */
const markMs = 100;
/** The distance that an arrow key seeks. */
const stepSeconds = 5;

export function Film({ session }: { session: Session }): JSX.Element {
  const section = useRef<HTMLElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [player, setPlayer] = useState<Player | undefined>();
  const [, redraw] = useReducer((n: number, _: undefined) => n + 1, 0);
  // A layout effect, because it is undone before the element goes, which pauses it. Nobody wanted
  // that pause.
  useLayoutEffect(() => {
    const place = section.current as HTMLElement;
    const made = new Player(video.current as HTMLVideoElement, session, () => redraw(undefined));
    setPlayer(made);
    const timer = setInterval(() => mark(place, made), markMs);
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

/** Reports the film's state in attributes, for measurements. */
function mark(section: HTMLElement, player: Player): void {
  section.dataset["drift"] = String(Math.round(player.driftMs));
  section.dataset["playing"] = String(!player.video.paused);
}

/** Keys for the whole page, unless they are meant for the focused element. */
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
