import { useRef } from "preact/hooks";
import type { JSX, RefObject } from "preact";

export function FileButton({ label, take }: { label: string; take: (file: File) => void }): JSX.Element {
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

export function FileInput({ input, take }: { input: RefObject<HTMLInputElement | null>; take: (file: File) => void }): JSX.Element {
  return (
    <input
      ref={input}
      type="file"
      accept="video/*,audio/*"
      hidden
      aria-label="Film file"
      onChange={(event) => {
        const file = event.currentTarget.files?.[0];
        event.currentTarget.value = ""; // so that the same file can be chosen again
        if (file !== undefined) {
          take(file);
        }
      }}
    />
  );
}
