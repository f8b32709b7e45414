// Who a participant is to the server: the account's token, or the invite, for each connection.

import { doorOf, tokenOf, type AuthOptions, type Door } from "./auth.js";
import type { Keeper } from "./keeper.js";
import type { StoredSeat } from "./store.js";

export class Account {
  readonly #url: URL;
  readonly #options: AuthOptions;
  readonly #keeper: Keeper;

  constructor(url: URL, options: AuthOptions, keeper: Keeper) {
    this.#url = url;
    this.#options = options;
    this.#keeper = keeper;
  }

  /**
   * Where the next connection goes. The user is whom the token names: nobody else's seat can be had
   * with it.
   */
  door(): Door | Promise<Door> {
    const { roomId, invite } = this.#keeper.seat as StoredSeat;
    const door = doorOf(this.#url, roomId, invite !== undefined, this.#options);
    return door instanceof Promise ? door.then((known) => this.#name(known)) : door;
  }

  /**
   * Renews the token over the socket. If that fails, the connection is closed when the token has
   * expired, and the next one asks again.
   */
  async renew(send: (token: string) => Promise<void>): Promise<void> {
    const { auth } = this.#options;
    if (auth !== undefined) {
      await send(await tokenOf(auth, this.#keeper.seat?.roomId ?? ""));
    }
  }

  #name(door: Door): Door {
    const { seat } = this.#keeper;
    if (seat !== undefined && door.userId !== "" && door.userId !== seat.userId) {
      this.#keeper.seat = { ...seat, userId: door.userId, resumeToken: "" };
    }
    return door;
  }
}
