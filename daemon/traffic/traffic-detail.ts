import { headerList } from '#net/http/message-head.ts';
import type { TrafficDetail, TrafficMessage } from '#protocol/local-api/traffic-api.ts';
import { bodyContent } from './body-content.ts';
import { curlOf } from './curl-command.ts';
import type { RawMessage, RawTraffic } from './raw-traffic.ts';
import { hiddenHeader, hiddenTarget } from './secrets.ts';

/** One request with heads and bodies; secrets are hidden unless they are to be revealed. */
export function trafficDetail(raw: RawTraffic, isRevealed: boolean): TrafficDetail {
  const { entry } = raw;
  if (entry.kind === 'connection') return { entry };
  const request = raw.request && messageOf(raw.request, isRevealed);
  const response = raw.response && messageOf(raw.response, isRevealed);
  const shown = { ...entry, path: isRevealed ? raw.target : entry.path };
  return {
    entry: shown,
    ...(request === undefined ? {} : { request, curl: curlOf(shown, request) }),
    ...(response === undefined ? {} : { response }),
  };
}

function messageOf({ head, isCut, bytes, body }: RawMessage, isRevealed: boolean): TrafficMessage {
  const headers = headerList(head);
  const valueOf = (wanted: string) => headers.find(({ name }) => name.toLowerCase() === wanted)?.value ?? '';
  const end = head.indexOf('\r\n');
  const startLine = end === -1 ? head : head.slice(0, end);
  return {
    startLine: isRevealed ? startLine : hiddenStartLine(startLine),
    headers: headers.map(({ name, value }) => ({
      name,
      ...(isRevealed ? { value, isHidden: false } : hiddenHeader(name, value)),
    })),
    isCut,
    body: {
      bytes,
      keptBytes: body?.length ?? 0,
      ...(body === undefined ? {} : { content: bodyContent(body, valueOf('content-type'), valueOf('content-encoding')) }),
    },
  };
}

function hiddenStartLine(line: string): string {
  const [method = '', target = '', ...rest] = line.split(' ');
  return line.startsWith('HTTP/') ? line : [method, hiddenTarget(target), ...rest].join(' ');
}
