import type { HelperDescription } from '#protocol/local-api/diagnose-api.ts';

/**
 * What a person is told before root's rights are asked for, for where no page of ours can show it: the command, what it reads and writes,
 * and what it changes.
 */
export function helperQuestionText({
  command,
  paths,
  changes,
}: Pick<HelperDescription, 'paths' | 'changes'> & { readonly command: readonly string[] }): string {
  return [
    'It needs root, and runs this command:',
    command.join(' '),
    ...section(
      'It reads or writes:',
      paths.map(({ path, purpose }) => `${path}: ${purpose}`),
    ),
    ...section('While connected, it changes:', changes),
  ].join('\n');
}

/** Whether what the person was shown is what would run. */
export function isSameCommand(shown: readonly string[], actual: readonly string[]): boolean {
  return shown.length === actual.length && shown.every((word, index) => word === actual[index]);
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `• ${line}`)];
}
