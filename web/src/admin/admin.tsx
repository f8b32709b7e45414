// The admin page: the token, then the server, its rooms, and one room.

import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { read, savedToken, saveToken, Refused, type ServerView } from "./api.ts";
import { History } from "./history.ts";
import { usePolled } from "./poll.ts";
import { RoomDetail } from "./room.tsx";
import { Rooms } from "./rooms.tsx";
import { Charts, Nodes, Refusals, Tiles } from "./server.tsx";

function Login({ problem, enter }: { problem: string; enter: (token: string) => void }): JSX.Element {
  const [token, setToken] = useState("");
  return (
    <main class="login">
      <h1>usher admin</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          enter(token.trim());
        }}
      >
        <label class="field">
          <span>Admin token</span>
          <input type="password" value={token} autocomplete="off" required autofocus onInput={({ currentTarget }) => setToken(currentTarget.value)} />
        </label>
        <p class="hint">It is in the server’s admin-token-file. This tab keeps it until it is closed.</p>
        <p class="complaint" role="alert">
          {problem}
        </p>
        <button type="submit" class="primary">
          Enter
        </button>
      </form>
    </main>
  );
}

function Board({ leave }: { leave: (problem: string) => void }): JSX.Element {
  const history = useRef(new History()).current;
  const [opened, setOpened] = useState("");
  const [notice, setNotice] = useState("");
  const { value, error } = usePolled("server", async (signal) => {
    const view = await read<ServerView>("/server", signal);
    history.add(view);
    return view;
  });
  useEffect(() => {
    if (error?.code === "INVALID_API_KEY") {
      leave("That token is not the server’s.");
    }
  }, [error]);
  return (
    <main class={opened === "" ? "board" : "board with-room"}>
      <header class="row between">
        <h1>usher admin{value?.node === undefined ? "" : ` · ${value.node}`}</h1>
        <button type="button" class="small" onClick={() => leave("")}>
          Log out
        </button>
      </header>
      <p class="notice" role="status">
        {error === undefined ? notice : `${error.message}.`}
      </p>
      {value === undefined ? null : <Tiles view={value} history={history} />}
      <div class="columns">
        <Rooms open={setOpened} opened={opened} />
        {opened === "" ? null : <RoomDetail roomId={opened} close={() => setOpened("")} say={setNotice} />}
      </div>
      {value === undefined ? null : (
        <>
          <Charts history={history} now={value.now} />
          <div class="columns">
            <Refusals view={value} />
            <Nodes view={value} say={setNotice} />
          </div>
        </>
      )}
    </main>
  );
}

function Page(): JSX.Element {
  const [isIn, setIn] = useState(savedToken() !== "");
  const [problem, setProblem] = useState("");
  const enter = async (token: string): Promise<void> => {
    saveToken(token);
    try {
      await read<ServerView>("/server");
      setProblem("");
      setIn(true);
    } catch (error) {
      saveToken("");
      setProblem(error instanceof Refused && error.code === "INVALID_API_KEY" ? "That token is not the server’s." : `${(error as Error).message}.`);
    }
  };
  const leave = (why: string): void => {
    saveToken("");
    setProblem(why);
    setIn(false);
  };
  return isIn ? <Board leave={leave} /> : <Login problem={problem} enter={(token) => void enter(token)} />;
}

const root = document.getElementById("page");
if (root !== null) {
  render(<Page />, root);
}
