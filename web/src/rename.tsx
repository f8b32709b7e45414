import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

interface RenameProps {
  label: string;
  value: string;
  maxLength: number;
  save: (name: string) => Promise<unknown>;
  done: () => void;
}

/** A field in place of a name. Enter saves, Escape does not. */
export function Rename({ label, value, maxLength, save, done }: RenameProps): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const [name, setName] = useState(value.slice(0, maxLength));
  useEffect(() => field.current?.select(), []);
  return (
    <form
      class="rename"
      onKeyDown={(event) => event.key === "Escape" && done()}
      onSubmit={(event) => {
        event.preventDefault();
        const trimmed = name.trim();
        if (trimmed !== "" && trimmed !== value) {
          void save(trimmed);
        }
        done();
      }}
    >
      <input
        ref={field}
        type="text"
        aria-label={label}
        value={name}
        maxLength={maxLength}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button class="small" type="submit">
        Save
      </button>
      <button class="small" type="button" onClick={done}>
        Cancel
      </button>
    </form>
  );
}
