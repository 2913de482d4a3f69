import { texts } from '../../texts/en.ts';
import { Notice } from '../../ui/notice.tsx';

/** Logs that could not be read, and why. */
export function ExportProblems({ problems }: { readonly problems: readonly string[] }) {
  if (problems.length === 0) return null;
  return (
    <Notice
      severity="warning"
      title={texts.logs.exportProblems(problems.length)}
      reason={problems.join('. ')}
      copyLabel={texts.shell.copyCommand}
    />
  );
}
