import { completionScripts } from '../completion/scripts.ts';
import type { Command } from '../invocation.ts';
import type { CompletionShell } from './names.ts';

/** Prints the script that makes a shell complete this command. */
export const completion: Command<object> = async ({ output }, _options, [shell]) => {
  // The parser accepts these shells only.
  const script = completionScripts[shell as CompletionShell];
  output.result({ shell, script }, () => script);
  return 0;
};
