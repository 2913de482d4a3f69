import { runDaemon } from './api/run-daemon.ts';

// What parts leave running after the end must not keep the process.
runDaemon().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
