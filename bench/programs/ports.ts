/** Ports of the pod that the loads are aimed at; what each does is in `pod.ts`. */
export const ports = { echo: 9001, sink: 9002, source: 9003, goodbye: 9004, place: 9005, http: 8080 } as const;

export type PortName = keyof typeof ports;

/** What port `goodbye` says before it closes. */
export const goodbye = 'bye\n';

/** What port `place` says: where the program runs. The laptop's is told by its environment. */
export const places = { cluster: 'cluster\n', laptop: 'laptop\n', variable: 'BENCH_ON_LAPTOP' } as const;

/** A report of port `sink`: two float64, milliseconds since the first byte and bytes so far. */
export const reportBytes = 16;

const body = 'hello from the cluster\n';

/** HTTP as bytes of known length, so that neither end spends its time on parsing. */
export const httpMessages = {
  request: `GET / HTTP/1.1\r\nHost: targets\r\nAccept: */*\r\n\r\n`,
  closingRequest: `GET / HTTP/1.1\r\nHost: targets\r\nConnection: close\r\n\r\n`,
  response: `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  closingResponse: `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
} as const;
