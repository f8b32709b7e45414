import { useEffect, useReducer } from "preact/hooks";

/** Redraws the component whenever somebody reports that something has changed. */
export function useChanges(listen: (listener: () => void) => () => void): void {
  const [, redraw] = useReducer((n: number, _: undefined) => n + 1, 0);
  useEffect(() => {
    redraw(undefined); // it may have changed before anybody listened
    return listen(() => redraw(undefined));
  }, [listen]);
}
