/** Ends an exhaustive `switch`: a compile error where a case was forgotten, and a loud failure if bad data got past the types. */
export function assertNever(value: never): never {
  throw new TypeError(`Unexpected value: ${JSON.stringify(value)}`);
}
