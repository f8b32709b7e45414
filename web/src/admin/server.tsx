// What the server does: numbers, plots, the cluster, what is refused.

import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { change, type Refused, type ServerView } from "./api.ts";
import { Confirm } from "./confirm.tsx";
import type { History, Line } from "./history.ts";
import type { Plot } from "./plot.ts";
import { agoText, bytesText, numberText } from "./words.ts";

function Tile({ name, value, note }: { name: string; value: string; note?: string | undefined }): JSX.Element {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>
        {value}
        {note === undefined ? null : <small>{note}</small>}
      </dd>
    </div>
  );
}

function rate(history: History, line: Line): string {
  const n = history.latest(line);
  return n === null ? "–" : numberText(n);
}

function ms(history: History, line: Line): string {
  const n = history.latest(line);
  return n === null ? "–" : `≤ ${n} ms`;
}

export function Tiles({ view, history }: { view: ServerView; history: History }): JSX.Element {
  const { counts, memory, store } = view;
  const bound = memory.boundBytes === 0 ? "no bound" : `of ${bytesText(memory.boundBytes)}`;
  return (
    <dl class="tiles">
      <Tile name="Rooms" value={numberText(counts.rooms)} />
      <Tile name="People" value={numberText(counts.people)} note={`${numberText(counts.connections)} connections`} />
      <Tile name="Messages a second" value={rate(history, "messages")} note={`${rate(history, "relayed")} passed on`} />
      <Tile name="Joins a second" value={rate(history, "joins")} />
      <Tile name="Relay, 99 %" value={ms(history, "relay p99")} />
      <Tile name="Commit, 99 %" value={ms(history, "commit p99")} note={`${numberText(counts.failedCommits)} failed`} />
      <Tile name="Memory" value={bytesText(memory.liveBytes)} note={memory.isFull ? "full: newcomers are refused" : bound} />
      <Tile name="Store" value={store.accepts ? (store.healthy ? "healthy" : "slow") : "refuses changes"} />
      <Tile name="Server" value={view.notReady ?? "ready"} note={`up ${agoText(view.startedAt, view.now)}`} />
    </dl>
  );
}

/** A plot, whose library is loaded when it is needed. */
function Chart({ title, names, unit, history, now }: { title: string; names: Line[]; unit: string; history: History; now: number }): JSX.Element {
  const into = useRef<HTMLDivElement>(null);
  const [drawn, setDrawn] = useState<Plot>();
  useEffect(() => {
    let made: Plot | undefined;
    let isOver = false;
    void import("./plot.ts").then(({ plot }) => {
      if (!isOver && into.current !== null) {
        made = plot(into.current, names, unit);
        setDrawn(made);
      }
    });
    return () => {
      isOver = true;
      made?.close();
    };
  }, []);
  useEffect(
    () =>
      drawn?.set(
        history.times,
        names.map((name) => history.values[name]),
      ),
    [drawn, now],
  );
  const words = names.map((name) => `${name}: ${rate(history, name)}${unit}`).join(", ");
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={into} role="img" aria-label={`${title}. Now ${words}.`} />
    </figure>
  );
}

export function Charts({ history, now }: { history: History; now: number }): JSX.Element {
  return (
    <div class="charts">
      <Chart title="Rooms and people" names={["rooms", "people"]} unit="" history={history} now={now} />
      <Chart title="A second" names={["messages", "relayed", "joins"]} unit="" history={history} now={now} />
      <Chart title="Latency, 99 %" names={["relay p99", "commit p99"]} unit=" ms" history={history} now={now} />
      <Chart title="Memory" names={["memory"]} unit=" MiB" history={history} now={now} />
    </div>
  );
}

export function Refusals({ view }: { view: ServerView }): JSX.Element {
  const rows = [...view.counts.refusals].sort((a, b) => b.errors + b.undelivered - a.errors - a.undelivered);
  return (
    <section aria-labelledby="refusals">
      <h2 id="refusals">Refusals since the start</h2>
      {rows.length === 0 ? (
        <p class="hint">Nothing was refused.</p>
      ) : (
        <section class="scrolls" tabIndex={0} aria-labelledby="refusals">
          <table>
            <thead>
              <tr>
                <th scope="col">Code</th>
                <th scope="col">Errors</th>
                <th scope="col">Undelivered</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ code, errors, undelivered }) => (
                <tr key={code}>
                  <td>
                    <code>{code}</code>
                  </td>
                  <td>{numberText(errors)}</td>
                  <td>{numberText(undelivered)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}

/** The nodes that can be drained: this server if there is no cluster. */
export function Nodes({ view, say }: { view: ServerView; say: (words: string) => void }): JSX.Element {
  const drain = async (node: string | undefined): Promise<void> => {
    try {
      await change("POST", "/drain", node === undefined ? {} : { node });
      say(`${node ?? "The server"} drains.`);
    } catch (error) {
      say(`${(error as Refused).message}.`);
    }
  };
  const { cluster } = view;
  return (
    <section aria-labelledby="nodes">
      <h2 id="nodes">
        {cluster === undefined ? "This server" : `Cluster: ${cluster.nodes.length} nodes, ${cluster.unowned} of ${cluster.shards} shards unowned`}
      </h2>
      {cluster?.problem === undefined ? null : <p class="complaint">{cluster.problem}</p>}
      {cluster === undefined ? (
        <Confirm label="Drain" question="Close all connections and stop this server?" act={() => void drain(undefined)} />
      ) : (
        <ul class="nodes">
          {cluster.nodes.map(({ id, address, state, shards }) => (
            <li key={id}>
              <strong>{id}</strong> {address} · {state} · {shards} shards
              {state === "lives" ? <Confirm label={`Drain ${id}`} question={`Hand the rooms of ${id} over and stop it?`} act={() => void drain(id)} /> : null}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
