import type { AppError, Remedy } from '#protocol/errors/app-error.ts';

/** What happened, why, and what to do: a line each. */
export function errorText(command: string, error: AppError, logDirectory: string): string {
  const lines = [`${`telepresence ${command}`.trimEnd()}: error: ${oneLine(error.message)}`];
  if (error.reason !== undefined) lines.push(`  why: ${oneLine(error.reason)}`);
  for (const remedy of error.remedies) lines.push(`  do: ${remedyText(remedy)}`);
  if (error.entry.category === 'internal') lines.push(`  do: Look at the logs in ${logDirectory}`);
  return `${lines.join('\n')}\n`;
}

export function remedyText(remedy: Remedy): string {
  return [remedy.label, remedy.command, remedy.link].filter((part) => part !== undefined).join(': ');
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}
