import { AppError } from '#protocol/errors/app-error.ts';
import type { Connection, DaemonState } from '#protocol/local-api/model.ts';

/** All connections, or with `--use` the one whose name the expression matches. */
export function chooseConnections(state: DaemonState, use: string | undefined): Connection[] {
  const all = Object.values(state.connections);
  if (use === undefined) return all;
  const chosen = matchingName(
    all.map(({ name }) => name),
    use,
  );
  return all.filter(({ name }) => name === chosen);
}

/** The only name, or the one that `--use` matches. There is at least one. */
export function chooseName(names: readonly string[], use: string | undefined): string {
  if (use !== undefined) return matchingName(names, use);
  const [first, ...others] = names;
  if (first !== undefined && others.length === 0) return first;
  throw severalConnections(names);
}

function matchingName(names: readonly string[], use: string): string {
  const expression = parseExpression(use);
  const exact = names.filter((name) => name === use);
  const matches = exact.length > 0 ? exact : names.filter((name) => expression.test(name));
  const [first, ...others] = matches;
  if (first !== undefined && others.length === 0) return first;
  throw new AppError({
    code: matches.length === 0 ? 'connection.none' : 'connection.ambiguous',
    message: `--use ${use} matches ${matches.length === 0 ? 'no connection' : `${matches.length} connections`}`,
    reason: names.length === 0 ? 'there are no connections' : `there is ${names.join(', ')}`,
    remedies: [{ label: 'See the connections', command: 'telepresence status' }],
  });
}

/** The only connection, or the one that `--use` matches. */
export function chooseConnection(state: DaemonState, use: string | undefined): Connection {
  const [first, ...others] = chooseConnections(state, use);
  if (first !== undefined && others.length === 0) return first;
  if (first !== undefined) throw severalConnections([first, ...others].map(({ name }) => name));
  throw new AppError({
    code: 'connection.none',
    message: 'Not connected to a cluster',
    remedies: [{ label: 'Connect first', command: 'telepresence connect' }],
  });
}

function severalConnections(names: readonly string[]): AppError {
  return new AppError({
    code: 'connection.ambiguous',
    message: 'There are several connections',
    reason: `They are ${names.join(', ')}`,
    remedies: [{ label: 'Choose one with --use, a regular expression that matches its name' }],
  });
}

function parseExpression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new AppError({ code: 'usage', message: `--use ${text} is not a regular expression` }, error);
  }
}
