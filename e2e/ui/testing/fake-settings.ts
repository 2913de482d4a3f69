import type { Handlers } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';

export const helperDescription: CallOutput<'describeHelper'> = {
  state: 'not-running',
  command: ['/opt/telepresence/node', '/opt/telepresence/helper.js', '--uid', '1000', '--detach'],
  paths: [
    { path: '/dev/net/tun', purpose: 'Opened: makes the virtual interface' },
    { path: '/run/telepresence', purpose: 'Made: its socket, its log, and its journal' },
  ],
  changes: ['Makes a virtual interface', 'Adds routes to the cluster’s subnets', 'Undoes all of it when the daemon ends'],
};

const configFile = '/home/dev/.config/telepresence/config.yml';

/** A configuration with values from everywhere; durations have to look like `5s`. */
export function fakeConfig(): {
  readonly handlers: Pick<Handlers, 'viewConfig' | 'changeConfig' | 'describeHelper'>;
  readonly changes: unknown[];
} {
  const changes: unknown[] = [];
  let helm: { readonly value: string; readonly source: string } = { value: '30s', source: 'built-in' };
  return {
    changes,
    handlers: {
      describeHelper: async () => helperDescription,
      viewConfig: async () => ({
        config: {
          timeouts: { helm: helm.value, intercept: '30s' },
          dns: { excludeSuffixes: ['.com', '.io'], mappings: [], recursionCheck: false },
          logLevels: { userDaemon: 'debug' },
          images: {},
        },
        sources: {
          'timeouts.helm': helm.source,
          'timeouts.intercept': 'built-in',
          'dns.excludeSuffixes': 'traffic-manager',
          'dns.mappings': 'built-in',
          'dns.recursionCheck': 'built-in',
          'logLevels.userDaemon': configFile,
          'images.agentImage': 'built-in',
        },
        configFile,
        logDirectory: '/home/dev/.local/state/telepresence/logs',
      }),
      changeConfig: async (input) => {
        changes.push(input);
        const value = typeof input.value === 'string' ? input.value : undefined;
        if (input.path !== 'timeouts.helm') return {};
        if (value !== undefined && !/^\d+s$/.test(value)) {
          throw new AppError({
            code: 'config.invalid',
            message: 'timeouts.helm cannot be that',
            reason: 'expected a duration such as 4s',
          });
        }
        helm = value === undefined ? { value: '30s', source: 'built-in' } : { value, source: configFile };
        return {};
      },
    },
  };
}
