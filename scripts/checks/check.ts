/** One static check. It is done when its promise is; an empty list means that it passed. */
export interface Check {
  readonly name: string;
  /** What is wrong, as lines to print. */
  find(): Promise<readonly string[]> | readonly string[];
}
