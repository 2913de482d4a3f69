import { ActionIcon, Button } from '@mantine/core';
import { IconEye, IconEyeOff, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import type { TrafficEntry, TrafficMessage } from '#protocol/local-api/traffic-api.ts';
import { useAnswer } from '../../api/use-call.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { bytesText, durationText } from '../../domain/time-text.ts';
import { TrafficStatus, trafficTime, trafficTitle } from '../../domain/traffic-view.tsx';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Facts, Loading, Section } from '../../ui/page.tsx';

const words = texts.traffic;

/** One request with headers and bodies, or one connection. */
export function TrafficDetail({
  use,
  entry,
  onClose,
}: {
  readonly use: string;
  readonly entry: TrafficEntry;
  readonly onClose: () => void;
}) {
  const [isRevealed, setRevealed] = useState(false);
  const answer = useAnswer('readTraffic', { use, id: entry.id, reveal: isRevealed });
  const { output, error, again } = answer;
  // It is read again when there is more to read.
  const known = `${entry.state} ${entry.kind === 'request' ? entry.status : ''}`;
  const read = useRef(known);
  useEffect(() => {
    if (read.current !== known) again();
    read.current = known;
  }, [known, again]);
  const isHidden = [output?.request, output?.response].some((message) => message?.headers.some((header) => header.isHidden));
  const isEnded = entry.state !== 'open';
  return (
    <aside
      className="traffic-detail"
      aria-label={words.detail}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <header className="traffic-detail-header">
        <h2 className="tp-cut" title={trafficTitle(entry)}>
          {trafficTitle(entry)}
        </h2>
        <span className="ui-page-actions">
          {(isHidden || isRevealed) && (
            <Button
              variant="default"
              leftSection={isRevealed ? <IconEyeOff size={14} aria-hidden /> : <IconEye size={14} aria-hidden />}
              onClick={() => setRevealed(!isRevealed)}
            >
              {isRevealed ? words.hide : words.reveal}
            </Button>
          )}
          {output?.curl !== undefined && (
            <CopyButton text={output.curl.command} label={words.copyCurl}>
              {words.copyCurl}
            </CopyButton>
          )}
          <ActionIcon aria-label={words.closeDetail} title={words.closeDetail} onClick={onClose}>
            <IconX size={16} aria-hidden />
          </ActionIcon>
        </span>
      </header>
      <div className="traffic-detail-body" role="region" aria-label={words.general} tabIndex={0}>
        <Facts
          facts={[
            [words.columnNames.status, <TrafficStatus key="status" entry={entry} />],
            [words.columnNames.time, trafficTime(entry.time)],
            ...(entry.durationMs === undefined ? [] : [[words.columnNames.duration, durationText(entry.durationMs)] as const]),
            [words.columnNames.engagement, entry.engagement],
            ...(entry.kind === 'request' && entry.host !== undefined ? [[words.host, entry.host] as const] : []),
            [words.columnNames.from, entry.from],
            [words.columnNames.to, entry.to],
            [words.bytesIn, bytesText(entry.inBytes)],
            [words.bytesOut, bytesText(entry.outBytes)],
            ...(output?.curl?.isComplete === false ? [[words.copyCurl, words.copyCurlIncomplete] as const] : []),
          ]}
        />
        {error !== undefined && <ErrorNotice title={words.gone} error={error} />}
        {output === undefined && error === undefined && <Loading label={words.loading} />}
        {output?.request !== undefined && <Message what={words.request} message={output.request} />}
        {output?.response !== undefined && <Message what={words.response} message={output.response} />}
        {output?.request !== undefined && output.response === undefined && (
          <p className="tp-dim">{isEnded ? words.noResponseEver : words.noResponse}</p>
        )}
      </div>
    </aside>
  );
}

function Message({ what, message }: { readonly what: string; readonly message: TrafficMessage }) {
  const { startLine, headers, isCut } = message;
  const lower = what.toLowerCase();
  return (
    <Section title={what}>
      <p>
        <code className="traffic-start">{startLine}</code>
      </p>
      {headers.length === 0 ? (
        <p className="tp-dim">{words.noHeaders}</p>
      ) : (
        <table className="traffic-headers" aria-label={words.headers(lower)}>
          <thead className="tp-hidden">
            <tr>
              <th scope="col">{words.name}</th>
              <th scope="col">{words.value}</th>
            </tr>
          </thead>
          <tbody>
            {headers.map(({ name, value, isHidden }, index) => (
              // The same name may come several times.
              <tr key={`${index} ${name}`}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td>{isHidden ? <span title={words.hidden}>{value}</span> : <code>{value}</code>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {isCut && <p className="tp-dim">{words.headersCut}</p>}
      <Body what={lower} body={message.body} />
    </Section>
  );
}

function Body({ what, body: { bytes, keptBytes, content } }: { readonly what: string; readonly body: TrafficMessage['body'] }) {
  if (bytes === 0) return <p className="tp-dim">{words.noBody}</p>;
  if (content === undefined) return <p className="tp-dim">{words.bodyNotKept(bytesText(bytes))}</p>;
  const size = keptBytes < bytes ? words.bodyCut(bytesText(keptBytes), bytesText(bytes)) : words.bodyWhole(bytesText(bytes));
  return (
    <>
      <p className="tp-dim">{content.kind === 'text' ? size : `${size} · ${words.binary}`}</p>
      {content.kind === 'text' && (
        <pre className="traffic-body" role="region" aria-label={words.body(what)} tabIndex={0}>
          {indented(content.text)}
        </pre>
      )}
    </>
  );
}

/** JSON as a person reads it. */
function indented(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}
