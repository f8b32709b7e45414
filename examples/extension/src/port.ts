// Ports that both ends may rely on: one that is opened again when the other end has gone, and the
// look at who is there.

import type { PortName } from "./messages.ts";

/**
 * A port to the service worker that outlives it. Chrome stops a service worker when it likes; the
 * port then disconnects, and opening it again is what starts the next one, within some 30 ms. Only
 * the offscreen document can have one: a port has all listeners at its other end, and the offscreen
 * document listens too, so that anybody else's port would stay open.
 */
export class LastingPort<Out, In> {
  readonly #name: PortName;
  readonly #heard: (message: In) => void;
  readonly #lost: () => void;
  #port: chrome.runtime.Port | undefined;

  constructor(name: PortName, heard: (message: In) => void, lost: () => void = () => {}) {
    this.#name = name;
    this.#heard = heard;
    this.#lost = lost;
    this.#open();
  }

  /**
   * False if the other end has gone. What is sent in that very moment is lost; the successor
   * reports its state again.
   */
  send(message: Out): boolean {
    try {
      this.#port?.postMessage(message);
      return this.#port !== undefined;
    } catch {
      return false; // disconnected, and about to be told
    }
  }

  #open(): void {
    const port = chrome.runtime.connect({ name: this.#name });
    this.#port = port;
    port.onMessage.addListener((message: In) => this.#heard(message));
    port.onDisconnect.addListener(() => {
      this.#port = undefined;
      this.#lost();
      this.#open();
    });
  }
}

/**
 * Reports whether the other end is one of the extension's own pages: a content script can send all
 * that they can.
 */
export function isOwnPage(sender: chrome.runtime.MessageSender | undefined): boolean {
  return sender?.id === chrome.runtime.id && sender.url?.startsWith(chrome.runtime.getURL("")) === true;
}
