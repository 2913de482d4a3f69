import dgram from 'node:dgram';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { isAppListening } from './app-listening.ts';

describe.skipIf(process.platform !== 'linux')(
  `whether the app listens${process.platform === 'linux' ? '' : ', skipped: not Linux'}`,
  () => {
    it('is known without a connection, for TCP', async () => {
      let connections = 0;
      const server = net.createServer(() => (connections += 1));
      await new Promise<void>((resolve) => server.listen(0, resolve));
      const { port: containerPort } = server.address() as AddressInfo;
      expect(await isAppListening([{ containerPort, protocol: 'TCP' }])).toBe(true);
      expect(await isAppListening([{ containerPort, protocol: 'UDP' }])).toBe(false);
      await new Promise((resolve) => server.close(resolve));
      expect(await isAppListening([{ containerPort, protocol: 'TCP' }])).toBe(false);
      expect(connections).toBe(0);
    });

    it('is known for UDP', async () => {
      const socket = dgram.createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      const { port: containerPort } = socket.address();
      expect(await isAppListening([{ containerPort, protocol: 'UDP' }])).toBe(true);
      await new Promise<void>((resolve) => socket.close(resolve));
      expect(await isAppListening([{ containerPort, protocol: 'UDP' }])).toBe(false);
    });
  },
);
