type Environment = Readonly<Record<string, string | undefined>>;

/** What the daemon was started with, or its runtime put there, and programs of the user's must not get. */
const daemonVariables = new Set([
  'TELEPRESENCE_LOGFILE',
  'NODE_OPTIONS',
  'NODE_CHANNEL_FD',
  'NODE_COMPILE_CACHE',
  'ELECTRON_RUN_AS_NODE',
  // Of the terminal that the daemon was started from.
  'TMUX',
  'STY',
  'COLUMNS',
  'LINES',
]);

/** These say where things are on the laptop; the workload's own values would be of no use there. */
const laptopVariables = ['PATH', 'HOME', 'SHELL', 'USER', 'LOGNAME', 'TMPDIR', 'PWD', 'LANG'];

/** The environment of a program that the daemon runs for its user: that of the daemon, and in front of it that of a workload. */
export function programEnvironment(daemon: Environment, workload: Environment = {}): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(daemon)) if (value !== undefined && !daemonVariables.has(name)) result[name] = value;
  for (const [name, value] of Object.entries(workload)) {
    if (value !== undefined && !(laptopVariables.includes(name) && result[name] !== undefined)) result[name] = value;
  }
  return result;
}
