// The signaling as a sequence diagram that is drawn as it happens. Each row is one message, and the
// rows are also the log: every row states in words what its arrow shows, and opens to show the
// message itself.

import { memo } from "./memo.ts";
import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { arrange, rowHeight, type Columns } from "./columns.ts";
import { useChanges } from "./hooks.ts";
import { everyone, messageText, server, type Entry } from "./journal.ts";
import type { Session } from "./session.ts";
import { kindNames, type Kind } from "./words.ts";

/** The approximate width of a letter of a label, px. */
const letterWidth = 6.6;
/** The distance from the log's end within which it counts as read, px. */
const nearEnd = 30;

export function Signaling({ session }: { session: Session }): JSX.Element {
  const [isOpen, setOpen] = useState(() => matchMedia("(min-width: 60rem)").matches);
  return (
    <section class="card signaling" aria-labelledby="signaling-title">
      <header>
        <h2 id="signaling-title">Signaling</h2>
        <button class="small" type="button" aria-expanded={isOpen} aria-controls="signaling-log" onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Hide" : "Show"}
        </button>
      </header>
      <p class="hint">Who tells whom what, as it happens. Dotted: from browser to browser. Choose an arrow to read the message.</p>
      <div id="signaling-log">{isOpen && <Diagram session={session} />}</div>
    </section>
  );
}

function Diagram({ session }: { session: Session }): JSX.Element {
  useChanges(session.journalChanges.listen);
  useChanges(session.changes.listen);
  const scroller = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(scroller.current as HTMLElement);
    return () => observer.disconnect();
  }, []);
  const { entries } = session.journal;
  const [opened, setOpened] = useState(0);
  const toggle = useCallback((id: number) => setOpened((now) => (now === id ? 0 : id)), []);
  const follow = useFollowing(scroller, entries);
  const focus = useRoving(entries);
  const columns = arrange(session, entries, width);
  const firstMs = entries[0]?.atMs ?? 0;
  return (
    <div class="diagram">
      <ul class="legend" aria-label="Colours">
        {(Object.keys(kindNames) as Kind[]).map((kind) => (
          <li key={kind} class={`k-${kind}`}>
            {kindNames[kind]}
          </li>
        ))}
      </ul>
      <div class="log" ref={scroller} {...follow.handlers}>
        <div class="lifeline-heads" style={{ width: `${columns.width}px` }} aria-hidden="true">
          {columns.heads.map(({ id, name, x, isHere }) => (
            <span key={id} class={`head ${id === server ? "server" : ""} ${isHere ? "" : "gone"}`} style={{ left: `${x}px`, maxWidth: `${columns.gap - 4}px` }}>
              {name}
            </span>
          ))}
        </div>
        {entries.length === 0 && <p class="hint">Nothing has been said yet.</p>}
        <ol aria-label="Log of messages" onKeyDown={focus.onKeyDown}>
          {entries.map((entry) => (
            <Row
              key={entry.id}
              entry={entry}
              columns={columns}
              firstMs={firstMs}
              isOpen={opened === entry.id}
              isFocusable={focus.id === entry.id}
              toggle={toggle}
              names={session.names}
            />
          ))}
        </ol>
      </div>
      {follow.isBehind && (
        <button class="small newest" type="button" onClick={follow.catchUp}>
          Newest ↓
        </button>
      )}
    </div>
  );
}

/** Keeps the newest row in sight, except while somebody reads. */
function useFollowing(
  scroller: { current: HTMLDivElement | null },
  entries: readonly Entry[],
): {
  isBehind: boolean;
  catchUp: () => void;
  handlers: {
    onMouseEnter: () => void;
    onMouseLeave: () => void;
    onFocusIn: (event: FocusEvent) => void;
    onFocusOut: () => void;
    onScroll: () => void;
  };
} {
  const reading = useRef({ hover: false, focus: false, up: false });
  const [isBehind, setBehind] = useState(false);
  const catchUp = useCallback(() => {
    reading.current.up = false;
    setBehind(false);
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, []);
  const settle = (): void => {
    const { hover, focus, up } = reading.current;
    if (!hover && !focus && !up) {
      catchUp();
    }
  };
  useLayoutEffect(() => {
    settle();
    const { hover, focus, up } = reading.current;
    setBehind((hover || focus || up) && distanceToEnd(scroller.current) > nearEnd);
  }, [entries]);
  const note = (change: Partial<typeof reading.current>): void => {
    Object.assign(reading.current, change);
    settle();
  };
  return {
    isBehind,
    catchUp,
    handlers: {
      onMouseEnter: () => note({ hover: true }),
      onMouseLeave: () => note({ hover: false }),
      onFocusIn: (event) => note({ focus: (event.target as Element).matches(":focus-visible") }),
      onFocusOut: () => note({ focus: false }),
      onScroll: () => {
        reading.current.up = distanceToEnd(scroller.current) > nearEnd;
        setBehind((was) => was && reading.current.up);
      },
    },
  };
}

function distanceToEnd(scroller: HTMLDivElement | null): number {
  return scroller === null ? 0 : scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
}

/** One stop for the Tab key; up and down go from row to row. */
function useRoving(entries: readonly Entry[]): { id: number; onKeyDown: (event: KeyboardEvent) => void } {
  const [id, setId] = useState(0);
  const isKnown = entries.some((entry) => entry.id === id);
  const steps: Readonly<Record<string, number>> = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
  return {
    id: isKnown ? id : (entries.at(-1)?.id ?? 0),
    onKeyDown: (event) => {
      const step = steps[event.key];
      const row = (event.target as Element).closest("li");
      const rows = [...(row?.parentElement?.children ?? [])];
      if (step === undefined || row === null || (event.target as Element).closest("pre") !== null) {
        return;
      }
      event.preventDefault();
      const next = Math.max(0, Math.min(rows.length - 1, rows.indexOf(row) + step));
      setId(entries[next]?.id ?? 0);
      rows[next]?.querySelector("summary")?.focus();
    },
  };
}

interface RowProps {
  entry: Entry;
  columns: Columns;
  firstMs: number;
  isOpen: boolean;
  isFocusable: boolean;
  toggle: (id: number) => void;
  names: Session["names"];
}

const Row = memo(({ entry, columns, firstMs, isOpen, isFocusable, toggle, names }: RowProps): JSX.Element => {
  const { id, kind, words, count, atMs, message } = entry;
  return (
    <li class={`k-${kind}`}>
      <details open={isOpen}>
        <summary
          tabIndex={isFocusable ? 0 : -1}
          onClick={(event) => {
            event.preventDefault();
            toggle(id);
          }}
        >
          <span class="unseen">{spoken(entry, names)}</span>
          <Arrow entry={entry} columns={columns} label={count > 1 ? `${words} ×${count}` : words} seconds={(atMs - firstMs) / 1000} />
        </summary>
        {isOpen && <pre tabIndex={0}>{messageText(message)}</pre>}
      </details>
    </li>
  );
});

/** "You to Bob over the server: offer". */
function spoken({ from, to, way, words, count }: Entry, names: Session["names"]): string {
  const called = (id: string): string => (id === server || id === everyone ? id : names.of(id));
  const route = way === "relayed" ? " over the server" : way === "direct" ? " directly" : "";
  const text = `${called(from)} to ${called(to)}${route}: ${words}${count > 1 ? `, ${count} times` : ""}`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Arrow({ entry, columns, label, seconds }: { entry: Entry; columns: Columns; label: string; seconds: number }): JSX.Element {
  const { from, to, way } = entry;
  const { width, heads, xOf } = columns;
  const start = xOf(from);
  const ends = to === everyone ? columns.others : [xOf(to)];
  const end = ends.reduce((far, x) => (Math.abs(x - start) > Math.abs(far - start) ? x : far), ends[0] ?? xOf(server));
  const y = rowHeight - 9;
  const direction = end < start ? -1 : 1;
  const fitting = Math.floor((width - columns.gutter) / letterWidth) - 1;
  const shown = label.length > fitting ? `${label.slice(0, fitting - 1)}…` : label;
  const half = (shown.length * letterWidth) / 2 + 4;
  const middle = Math.min(Math.max((start + end) / 2, columns.gutter + half), width - half);
  return (
    <svg width={width} height={rowHeight} viewBox={`0 0 ${width} ${rowHeight}`} aria-hidden="true" focusable="false">
      {heads.map(({ id, x, isHere }) => (
        <path key={id} class={`lifeline ${id === server ? "server" : ""} ${isHere ? "" : "gone"}`} d={`M${x} 0V${rowHeight}`} />
      ))}
      <text class="seconds" x={4} y={y + 4}>
        {seconds.toFixed(1)}
      </text>
      <path class={`shaft ${way}`} d={`M${start} ${y}H${end - direction * 3}`} />
      {ends.map((x) => (
        <path key={x} class="tip" d={`M${x} ${y}l${-direction * 8} -4v8z`} />
      ))}
      {way === "relayed" && <circle class="relay" cx={xOf(server)} cy={y} r={3.5} />}
      <text class="said" x={middle} y={y - 7} text-anchor="middle">
        {shown}
      </text>
    </svg>
  );
}
