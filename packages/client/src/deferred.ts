/** A promise together with its ends. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (error: Error) => void;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /**
   * Rejects without a complaint of the platform if nobody listens: for an end that its owner asked
   * for.
   */
  abort(error: Error): void {
    this.promise.catch(() => undefined);
    this.reject(error);
  }
}
