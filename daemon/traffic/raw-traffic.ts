import type { TrafficEntry } from '#protocol/local-api/traffic-api.ts';
import type { KeptBody } from './kept-body.ts';
import { isHeadCut, type TrafficRecord } from './traffic-record.ts';

/** Of a record, as it leaves the connection's thread: heads and bodies as they were, secrets and all. */
export interface RawTraffic {
  readonly entry: TrafficEntry;
  /** Of a request, as it was asked for. */
  readonly target: string;
  readonly request: RawMessage | undefined;
  readonly response: RawMessage | undefined;
}

export interface RawMessage {
  readonly head: string;
  readonly isCut: boolean;
  readonly bytes: number;
  /** Absent where bodies were not kept. */
  readonly body: Uint8Array | undefined;
}

export function rawTraffic(record: TrafficRecord): RawTraffic {
  const { requestHead, responseHead, requestBody, responseBody, inBytes, outBytes, subject } = record;
  return {
    entry: record.entry(),
    target: subject.target,
    request: rawMessage(requestHead, inBytes, requestBody),
    response: rawMessage(responseHead, outBytes, responseBody),
  };
}

function rawMessage(head: string, bytes: number, body: KeptBody | undefined): RawMessage | undefined {
  return head === '' ? undefined : { head, isCut: isHeadCut(head), bytes, body: body?.content() };
}
