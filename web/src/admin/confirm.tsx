import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

/** A button for what cannot be undone: it asks once more, in place. */
export function Confirm({ label, question, act }: { label: string; question: string; act: () => void }): JSX.Element {
  const [isAsking, setAsking] = useState(false);
  const yes = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isAsking) {
      yes.current?.focus();
    }
  }, [isAsking]);
  if (!isAsking) {
    return (
      <button type="button" class="small" onClick={() => setAsking(true)}>
        {label}
      </button>
    );
  }
  return (
    <fieldset class="confirm" aria-label={question} onKeyDown={({ key }) => key === "Escape" && setAsking(false)}>
      <span>{question}</span>
      <button
        type="button"
        class="small primary"
        ref={yes}
        onClick={() => {
          setAsking(false);
          act();
        }}
      >
        Yes
      </button>
      <button type="button" class="small" onClick={() => setAsking(false)}>
        No
      </button>
    </fieldset>
  );
}
