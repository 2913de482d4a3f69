import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { bytesText } from '../../domain/time-text.ts';
import { WrittenFile } from '../../domain/written-file.tsx';
import { texts } from '../../texts/en.ts';
import { ExportProblems } from './export-problems.tsx';

const words = texts.logs;

/** Where the logs are now, and what went in. */
export function ExportResult({
  result: { file, entries, problems },
  onClose,
}: {
  readonly result: CallOutput<'gatherLogs'>;
  readonly onClose: () => void;
}) {
  return (
    <div className="ui-stack">
      <p>{words.exportDone}</p>
      <WrittenFile file={file} onClose={onClose}>
        <ExportProblems problems={problems} />
        <div className="logs-entries" role="region" aria-label={words.exportEntries} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{words.exportEntry}</th>
                <th scope="col">{words.exportSize}</th>
              </tr>
            </thead>
            <tbody>
              {entries.map(({ name, bytes }) => (
                <tr key={name}>
                  <td className="tp-mono">{name}</td>
                  <td className="tp-number">{bytesText(bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </WrittenFile>
    </div>
  );
}
