import type { Invocation } from '../invocation.ts';

/** Options of a call whose stages are shown as the command's progress, and which ends with the command. */
export function stageProgress({ progress, signal }: Pick<Invocation, 'progress' | 'signal'>): {
  readonly onEvent: (event: { readonly stage: string }) => void;
  readonly signal: AbortSignal;
} {
  return { onEvent: ({ stage }) => progress.stage(stage), signal };
}
