import type { Protocol } from '#net/tunnel/stream-info.ts';
import { AppError } from '#protocol/errors/app-error.ts';

/** `--reroute-remote host:port:newport[/tcp|udp]`: connections that the laptop makes to host:port go to another port there. */
export interface RemoteReroute {
  readonly host: string;
  readonly port: PortName;
  readonly newPort: number;
  readonly protocol: Protocol;
}

/** `--reroute-local lport:host:port[/tcp|udp]`: localhost:lport leads to host:port in the cluster. */
export interface LocalReroute {
  readonly localPort: number;
  readonly host: string;
  readonly port: PortName;
  readonly protocol: Protocol;
}

/** A number, or the name of a port of a Service. */
export type PortName = number | string;

/** @throws AppError `usage` with the form that was expected. */
export function parseRemoteReroute(text: string): RemoteReroute {
  const { parts, protocol } = split(text);
  const [host = '', port = '', newPort = ''] = parts;
  const parsed = { host, port: portName(port), newPort: portNumber(newPort), protocol };
  if (parts.length !== 3 || host === '' || parsed.port === undefined || parsed.newPort === undefined) {
    throw malformed(text, '--reroute-remote', 'host:port:newport[/tcp|udp]');
  }
  return { host, port: parsed.port, newPort: parsed.newPort, protocol };
}

/** @throws AppError `usage` with the form that was expected. */
export function parseLocalReroute(text: string): LocalReroute {
  const { parts, protocol } = split(text);
  const [localPort = '', host = '', port = ''] = parts;
  const parsed = { localPort: portNumber(localPort), port: portName(port) };
  if (parts.length !== 3 || host === '' || parsed.port === undefined || parsed.localPort === undefined) {
    throw malformed(text, '--reroute-local', 'lport:host:port[/tcp|udp]');
  }
  return { localPort: parsed.localPort, host, port: parsed.port, protocol };
}

function split(text: string): { readonly parts: readonly string[]; readonly protocol: Protocol } {
  const match = /^(.*?)(?:\/(tcp|udp))?$/i.exec(text);
  return { parts: (match?.[1] ?? '').split(':'), protocol: match?.[2]?.toLowerCase() === 'udp' ? 'udp' : 'tcp' };
}

function portNumber(text: string): number | undefined {
  const value = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= 65_535 ? value : undefined;
}

/** Names as Kubernetes has them (RFC 6335): at most 15 characters, at least one of them a letter. */
function portName(text: string): PortName | undefined {
  return portNumber(text) ?? (/^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/.test(text) ? text : undefined);
}

function malformed(text: string, flag: string, form: string): AppError {
  return new AppError({ code: 'usage', message: `"${text}" is not a value for ${flag}`, reason: `It takes ${form}` });
}
