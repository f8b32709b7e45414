// The page's drawings. All are decoration: text beside them states their meaning.

import type { ComponentChildren, JSX } from "preact";

function Icon({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width="20"
      height="20"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

const drawings = {
  play: <path d="M7 4.5v15l12.5-7.5z" fill="currentColor" />,
  pause: <path d="M8 5v14M16 5v14" stroke-width="4" stroke-linecap="butt" />,
  sound: (
    <>
      <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z" fill="currentColor" />
      <path d="M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11" />
    </>
  ),
  silent: (
    <>
      <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z" fill="currentColor" />
      <path d="m16 9.5 5 5m0-5-5 5" />
    </>
  ),
  full: <path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" />,
  invite: (
    <>
      <path d="M3 9V6h18v3a3 3 0 0 0 0 6v3H3v-3a3 3 0 0 0 0-6z" />
      <path d="M14.5 6v2m0 3v2m0 3v2" />
    </>
  ),
  leave: <path d="M13 4H6v16h7M10.5 12H21m-3.5-3.5L21 12l-3.5 3.5" />,
  direct: <path d="M3 12h18M7 8l-4 4 4 4M17 8l4 4-4 4" />,
  relayed: (
    <>
      <path d="M3 17c3-9 15-9 18 0" />
      <circle cx="12" cy="9.5" r="2.5" fill="currentColor" />
    </>
  ),
  away: <path d="M5 5l14 14M8 19H4v-4M16 5h4v4" stroke-dasharray="3 4" />,
  host: <path d="M4 17.5 3 8l5 4 4-6 4 6 5-4-1 9.5z" fill="currentColor" />,
  self: (
    <>
      <circle cx="12" cy="8" r="3.5" />
      <path d="M5 20c1-5 13-5 14 0" />
    </>
  ),
  viewer: (
    <>
      <path d="M2.5 12c4-7 15-7 19 0-4 7-15 7-19 0z" />
      <circle cx="12" cy="12" r="2.5" fill="currentColor" />
    </>
  ),
  knock: (
    <>
      <path d="M5 21V4.5A1.5 1.5 0 0 1 6.5 3H14a1.5 1.5 0 0 1 1.5 1.5V21M2.5 21h16" />
      <path d="M12 12h.01M18.5 7.5l2-1M19 11.5h2.5M18.5 15.5l2 1" />
    </>
  ),
  pen: <path d="M5 19l1-4L16 5l3 3L9 18z" />,
  close: <path d="M6 6l12 12M18 6 6 18" />,
} as const;

export function Drawing({ name }: { name: keyof typeof drawings }): JSX.Element {
  return <Icon>{drawings[name]}</Icon>;
}

/** The usher's torch with its beam: usher's logo. */
export function Torch(): JSX.Element {
  return (
    <svg class="torch" viewBox="0 0 48 28" width="48" height="28" aria-hidden="true" focusable="false">
      <path class="beam" d="M20 10 48 0v28L20 18z" />
      <path class="barrel" d="M1 11h10l7-3.5v13L11 17H1a1 1 0 0 1-1-1v-4a1 1 0 0 1 1-1z" />
      <path class="ring" d="M18 7.5h2.5v13H18z" />
    </svg>
  );
}
