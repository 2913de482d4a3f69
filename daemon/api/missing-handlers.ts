import type { Handlers } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type CallName, localApi } from '#protocol/local-api/local-api.ts';

/** Answers every call with `unsupported`: what is left where no part of the daemon serves a call. */
export function createMissingHandlers(): Handlers {
  const names = Object.keys(localApi) as CallName[];
  return Object.fromEntries(names.map((name) => [name, () => Promise.reject(missing(name))])) as unknown as Handlers;
}

function missing(name: CallName): AppError {
  return new AppError({ code: 'unsupported', message: `This daemon does not serve the call ${name}` });
}
