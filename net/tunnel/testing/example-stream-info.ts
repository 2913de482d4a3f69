import type { StreamInfo } from '../stream-info.ts';

/** Of a tunnel for tests that do not look at where it goes. */
export const exampleStreamInfo: StreamInfo = {
  connectionId: {
    protocol: 'tcp',
    source: { ip: { family: 4, value: 1n }, port: 1 },
    destination: { ip: { family: 4, value: 2n }, port: 2 },
  },
  sessionId: 's',
  dialTimeoutMs: 1_000,
  roundtripMs: 0,
};
