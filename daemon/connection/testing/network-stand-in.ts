import { createInterface } from 'node:readline';
import { silentLogger } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { LaptopNetwork } from '../laptop-network.ts';

/** A daemon reduced to one interface without a cluster behind it, for tests inside a network namespace: commands as lines of JSON. */
let network: LaptopNetwork | undefined;
const warnings: string[] = [];

for await (const line of createInterface({ input: process.stdin })) {
  const { command, argument } = JSON.parse(line) as { command: string; argument: string };
  try {
    process.stdout.write(`${JSON.stringify({ output: (await run(command, argument)) ?? null })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: AppError.from(error).toData() })}\n`);
  }
}
process.exit();

async function run(command: string, argument: string): Promise<unknown> {
  switch (command) {
    case 'open':
      network = await LaptopNetwork.open(
        {
          helperSocket: argument,
          isIsolated: false,
          dialer: { dial: async () => await Promise.reject(new Error('There is no cluster')) },
          realOf: (endpoint) => endpoint,
          dialTimeoutMs: 1_000,
          logger: { ...silentLogger, warn: (message) => void warnings.push(message) },
          onLost: () => undefined,
        },
        AbortSignal.timeout(10_000),
      );
      return network.interfaceName;
    case 'verify-tcp':
      return await network?.verifyTcp();
    case 'close':
      await network?.close();
      return warnings;
    default:
      throw new Error(`No command ${command}`);
  }
}
