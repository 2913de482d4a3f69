/** What the privileged helper is: settings and the welcome both say it. */
export const helperTexts = {
  why: 'Only root may add a network interface, routes and name servers to this laptop. That is all the helper does: it takes no commands, opens no files that others name, and undoes everything when the daemon ends.',
  loading: 'Asking about the helper',
  failed: 'The helper cannot be described',
  state: 'State',
  states: { running: 'Running', 'not-running': 'Not running', service: 'Runs as a service of the system' },
  version: 'Version',
  command: 'Runs as root',
  copyCommand: 'Copy the command',
  changes: 'Changes while connected',
  paths: 'Files that it uses',
  start: 'Start the helper…',
  startHint: 'The system asks for your password, and starts exactly the command above.',
  startFailed: 'The helper could not be started',
  startBrowser: 'A connection for the whole laptop starts it, and asks for your password in the terminal where you run it:',
  again: 'Look again',
} as const;
