import { useMemo, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";
import { encode } from "uqr";

import { Drawing } from "./icons.tsx";

export function Invite({ link }: { link: string }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [told, setTold] = useState("");
  const open = (): void => {
    setTold("");
    dialog.current?.showModal();
    field.current?.select();
  };
  const copy = async (): Promise<void> => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(link);
      setTold("Copied.");
    } catch {
      setTold("Your browser does not let this page copy. The link is selected: press Ctrl+C.");
    }
  };
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return (
    <>
      <button class="primary" type="button" onClick={open}>
        <Drawing name="invite" />
        Invite
      </button>
      <dialog ref={dialog} aria-labelledby="invite-title" onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
        <div class="invite">
          <h2 id="invite-title">Invite</h2>
          <p>Anybody with this link can come in.</p>
          <QRCode text={link} />
          <label class="field">
            <span>Invite link</span>
            <input ref={field} type="text" readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
          </label>
          {isLocal && <p class="hint">This address works only on this computer. To invite friends elsewhere, open the page at the server’s own name.</p>}
          <div class="row">
            <button class="primary" type="button" onClick={() => void copy()}>
              Copy link
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Close
            </button>
          </div>
          <p class="hint" role="status">
            {told}
          </p>
        </div>
      </dialog>
    </>
  );
}

function QRCode({ text }: { text: string }): JSX.Element {
  const { size, path } = useMemo(() => {
    const { data, size } = encode(text, { ecc: "M", border: 2 });
    const path = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : []))).join("");
    return { size, path };
  }, [text]);
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code of the invite link" shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#1d1012" />
    </svg>
  );
}
