import { Code } from '@connectrpc/connect';

/** The code that a status in decimal digits stands for; `unavailable` for what is none, such as that of a stream that broke. */
export function codeOf(status: string | undefined): Code {
  const code = Object.values(Code).find((value) => String(value) === status);
  return typeof code === 'number' ? code : Code.Unavailable;
}
