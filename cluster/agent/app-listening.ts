import { readFile } from 'node:fs/promises';
import type { AgentPort } from '#protocol/agent/agent-config.ts';

/** A listening TCP socket, in the kernel's numbering (include/net/tcp_states.h). */
const listenState = '0A';

/**
 * Whether the app still listens on any of its ports. The kernel is asked, who lists the sockets of the pod's network namespace: a
 * connection made to find out would be one that the app has to deal with.
 */
export async function isAppListening(
  ports: readonly Pick<AgentPort, 'containerPort' | 'protocol'>[],
  directory = '/proc/net',
): Promise<boolean> {
  const tables = await Promise.all(
    ['tcp', 'tcp6', 'udp', 'udp6'].map(async (name) => ({
      name,
      text: await readFile(`${directory}/${name}`, 'utf8').catch(() => ''),
    })),
  );
  return tables.some(({ name, text }) =>
    text.split('\n').some((line) => {
      //   sl  local_address rem_address   st …      addresses are hexadecimal, `0100007F:1F90`
      const [, local = '', , state] = line.trim().split(/\s+/);
      const port = Number.parseInt(local.split(':')[1] ?? '', 16);
      const protocol = name.startsWith('tcp') ? 'TCP' : 'UDP';
      if (protocol === 'TCP' && state !== listenState) return false;
      return ports.some((candidate) => candidate.protocol === protocol && candidate.containerPort === port);
    }),
  );
}
