import { useEffect, useReducer } from "preact/hooks";

/** Redraws the component whenever a change is reported. */
export function useChanges(listen: (listener: () => void) => () => void): void {
  const [, redraw] = useReducer((n: number, _: undefined) => n + 1, 0);
  useEffect(() => {
    redraw(undefined); // something may have changed before the listener was added
    return listen(() => redraw(undefined));
  }, [listen]);
}
