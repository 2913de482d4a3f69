import { resolve } from 'node:path';
import { AppError } from '#protocol/errors/app-error.ts';
import type { EnvSyntax } from '#protocol/local-api/env-syntaxes.ts';
import type { InterceptRequest } from '#protocol/local-api/model.ts';
import type { CliIo } from '../invocation.ts';

export interface InterceptOptions {
  readonly workload?: string;
  readonly port?: readonly string[];
  readonly service?: string;
  readonly container?: string;
  readonly address?: string;
  readonly namespace?: string;
  readonly toPod?: readonly string[];
  readonly envFile?: string;
  readonly envSyntax: EnvSyntax;
  readonly envJson?: string;
  readonly mount: string;
  readonly waitMessage?: string;
  readonly detailedOutput?: boolean;
}

/** The flags as the daemon needs them, which has a working directory of its own. @throws AppError `usage` */
export function interceptRequest(name: string, options: InterceptOptions, io: CliIo): InterceptRequest {
  const { workload, service, container, address, namespace, envFile, envJson } = options;
  if (!/^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/.test(name)) {
    throw new AppError({
      code: 'usage',
      message: `"${name}" cannot be the name of an intercept`,
      reason: 'Names have lower-case letters, digits, dots and dashes',
    });
  }
  checkMount(options.mount);
  return {
    name,
    ports: (options.port ?? []).map(parsePort),
    toPod: (options.toPod ?? []).map(parseToPod),
    ...(workload === undefined ? {} : { workload }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(service === undefined ? {} : { service }),
    ...(container === undefined ? {} : { container }),
    ...(address === undefined ? {} : { address }),
    ...(envFile === undefined ? {} : { envFile: { path: resolve(io.cwd, envFile), syntax: options.envSyntax } }),
    ...(envJson === undefined ? {} : { envJson: resolve(io.cwd, envJson) }),
  };
}

/** `8080`, `8080:http`, `8080:80`, `8080:80/UDP`. */
function parsePort(text: string): InterceptRequest['ports'][number] {
  const [laptop = '', identifier, ...more] = text.split(':');
  if (text === 'all') throw portError(text, '"all" is for replaced containers');
  if (more.length > 0) throw portError(text, 'Three parts are for handlers in a container');
  const laptopPort = portNumber(laptop);
  if (laptopPort === undefined) throw portError(text, 'The first part is a port of the laptop, a number up to 65535');
  if (identifier === undefined) return { laptopPort };
  const [, port = '', protocol] = /^([^/]*)(\/(?:TCP|UDP))?$/i.exec(identifier) ?? [];
  const isName = /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(port);
  if (!isName && portNumber(port) === undefined) {
    throw portError(
      text,
      'The second part is the name or number of a port of the workload, with /TCP or /UDP where that matters',
    );
  }
  return { laptopPort, identifier: `${port}${(protocol ?? '').toUpperCase()}` };
}

function parseToPod(text: string): number {
  const [, port = '', protocol = ''] = /^([^/]*)(\/.*)?$/.exec(text) ?? [];
  const number = portNumber(port);
  if (number !== undefined && /^(\/TCP)?$/i.test(protocol)) return number;
  const isUdp = number !== undefined && /^\/UDP$/i.test(protocol);
  throw new AppError({
    code: isUdp ? 'unsupported' : 'usage',
    message: `--to-pod ${text} cannot be`,
    reason: isUdp ? 'Only TCP leads to the pod' : 'It takes a port number',
  });
}

function portNumber(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535 ? Number(text) : undefined;
}

function portError(text: string, reason: string): AppError {
  return new AppError({
    code: 'usage',
    message: `--port ${text} cannot be`,
    reason,
    remedies: [{ label: 'Write it like 8080, 8080:http, 8080:80 or 8080:53/UDP' }],
  });
}

function checkMount(value: string): void {
  if (value === '' || value === 'false') return;
  throw new AppError({
    code: 'unsupported',
    message: `--mount ${value} cannot be: volumes are not mounted yet`,
    remedies: [{ label: 'Leave the flag out, or say', command: '--mount=false' }],
  });
}
