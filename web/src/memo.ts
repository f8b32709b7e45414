import { Component, createElement, type ComponentType, type JSX } from "preact";

/** A component that is redrawn only if a property changes. */
export function memo<P extends object>(draw: (props: P) => JSX.Element): ComponentType<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const now = this.props as P;
      return (Object.keys(next) as (keyof P)[]).some((name) => next[name] !== now[name]);
    }

    override render(): JSX.Element {
      return createElement(draw as ComponentType<P>, this.props as P);
    }
  };
}
